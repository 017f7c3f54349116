import { expect, test } from 'vitest';
import { aNode, type NodeWords } from '../../../../test/support/cluster-objects.ts';
import { World } from '../../../../test/support/view-of.ts';
import { makeReady, settle } from '../../../../test/support/workload-world.ts';
import type { DaemonSet } from '../../../api/kinds/daemon-set.ts';
import type { Node } from '../../../api/kinds/node.ts';
import type { Pod } from '../../../api/kinds/pod.ts';
import { Scheduler } from '../../../sched/scheduler.ts';
import { daemonSetController } from './daemon-set.ts';
import { nodeOf } from './eligible.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');

type Words = Partial<NonNullable<DaemonSet['spec']>> & { readonly image?: string };

function aDaemonSet({ image = 'app:1', ...spec }: Words = {}): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image }], schedulerName: 'default-scheduler' },
      },
      ...spec,
    },
  };
}

function worldOf(nodes: Readonly<Record<string, NodeWords>>, words: Words = {}): World {
  const world = new World();
  for (const [name, node] of Object.entries(nodes)) world.add('nodes', aNode(name, node));
  world.add('daemonsets.apps', aDaemonSet(words));
  return world;
}

const THREE = { a: {}, b: {}, c: {} };
const pods = (world: World) => world.all('pods') as readonly Pod[];
const set = (world: World) => world.all('daemonsets.apps')[0] as DaemonSet;
const images = (world: World) => Object.fromEntries(pods(world).map((pod) => [nodeOf(pod), pod.spec?.containers[0]?.image]));

/** The real scheduler binds what the set has made. */
function bindAll(world: World): void {
  const scheduler = new Scheduler();
  for (const resource of ['nodes', 'pods']) for (const after of world.all(resource)) scheduler.apply({ resource, after });
  for (const decision of scheduler.decide())
    for (const { pod, node } of decision.type === 'placed' ? decision.binds : [])
      world.edit<Pod>('pods', pod.metadata.name ?? '', (old) => ({
        ...old,
        spec: { ...old.spec, containers: old.spec?.containers ?? [], nodeName: node },
      }));
}

const live = (world: World, chosen?: (pod: Pod) => boolean) => {
  bindAll(world);
  makeReady(world, NOW, (pod) => (pod.spec?.nodeName ?? '') !== '' && (chosen?.(pod) ?? true));
};
const run = (world: World, chosen?: (pod: Pod) => boolean) =>
  settle(
    world,
    [daemonSetController],
    () => NOW,
    (each) => live(each, chosen),
  );

function silence(world: World, name: string, since: string): void {
  world.edit<Node>('nodes', name, (node) => ({
    ...node,
    spec: {
      ...node.spec,
      taints: [
        { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
        { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
      ],
    },
    status: { ...node.status, conditions: [{ type: 'Ready', status: 'Unknown', lastTransitionTime: since }] },
  }));
}

function retemplate(world: World, words: Words): void {
  world.edit<DaemonSet>('daemonsets.apps', 'agent', (old) => ({
    ...old,
    metadata: { ...old.metadata, generation: (old.metadata.generation ?? 1) + 1 },
    spec: aDaemonSet(words).spec as NonNullable<DaemonSet['spec']>,
  }));
}

test('every node that fits gets one pod, by way of the scheduler; others get none', () => {
  const world = worldOf(
    {
      a: {},
      cordoned: { unschedulable: true },
      tainted: { taints: [{ key: 'own', effect: 'NoSchedule' }] },
      b: { labels: { arch: 'arm' } },
    },
    {
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image: 'app:1' }], schedulerName: 'default-scheduler' },
      },
    },
  );
  run(world);
  expect(
    pods(world)
      .map(({ spec }) => String(spec?.nodeName))
      .toSorted(),
  ).toEqual(['a', 'b', 'cordoned']);
  expect(set(world).status).toEqual({
    currentNumberScheduled: 3,
    desiredNumberScheduled: 3,
    numberMisscheduled: 0,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
    observedGeneration: 1,
  });
});

test('a node selector holds, and pods leave nodes that no longer match', () => {
  const spec = { containers: [{ name: 'c', image: 'app:1' }], nodeSelector: { arch: 'arm' }, schedulerName: 'default-scheduler' };
  const world = worldOf(
    { a: { labels: { arch: 'arm' } }, b: {} },
    { template: { metadata: { labels: { app: 'agent' } }, spec } },
  );
  run(world);
  expect(images(world)).toEqual({ a: 'app:1' });
  world.edit<Node>('nodes', 'a', (node) => ({ ...node, metadata: { ...node.metadata, labels: {} } }));
  world.edit<Node>('nodes', 'b', (node) => ({ ...node, metadata: { ...node.metadata, labels: { arch: 'arm' } } }));
  run(world);
  expect(images(world)).toEqual({ b: 'app:1' });
});

test('a new template replaces one pod after the other, and keeps its history', () => {
  const world = worldOf(THREE);
  run(world);
  retemplate(world, { image: 'app:2' });
  settle(
    world,
    [daemonSetController],
    () => NOW,
    (each) => {
      expect(pods(each).length).toBeGreaterThanOrEqual(2);
      live(each);
    },
  );
  expect(images(world)).toEqual({ a: 'app:2', b: 'app:2', c: 'app:2' });
  const revisions = world.all('controllerrevisions.apps');
  expect(revisions.map((each) => each['revision'])).toEqual([1, 2]);
  expect(revisions[0]).toMatchObject({
    data: { spec: { template: { $patch: 'replace', spec: { containers: [{ image: 'app:1' }] } } } },
  });
  retemplate(world, { image: 'app:1' });
  run(world);
  expect(images(world)).toEqual({ a: 'app:1', b: 'app:1', c: 'app:1' });
  expect(world.all('controllerrevisions.apps').map((each) => each['revision'])).toEqual([3, 2]);
});

test('a broken template stops at maxUnavailable', () => {
  const world = worldOf({ ...THREE, d: {}, e: {} });
  run(world);
  retemplate(world, {
    image: 'broken',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '40%', maxSurge: 0 } },
  });
  run(world, ({ spec }) => spec?.containers[0]?.image !== 'broken');
  expect(Object.values(images(world)).filter((image) => image === 'broken')).toHaveLength(2);
});

test('with surge the new pod stands beside the old until it is available', () => {
  const surge = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } };
  const world = worldOf(THREE, surge);
  run(world);
  retemplate(world, { image: 'app:2', ...surge });
  let most = 0;
  settle(
    world,
    [daemonSetController],
    () => NOW,
    (each) => {
      most = Math.max(most, pods(each).length);
      const ready = pods(each).filter(({ status }) => status?.phase === 'Running');
      expect(new Set(ready.map(nodeOf)).size).toBe(3);
      live(each);
    },
  );
  expect(images(world)).toEqual({ a: 'app:2', b: 'app:2', c: 'app:2' });
  expect(most).toBe(4);
});

test('OnDelete replaces only what somebody deletes', () => {
  const strategy = { updateStrategy: { type: 'OnDelete' } };
  const world = worldOf(THREE, strategy);
  run(world);
  retemplate(world, { image: 'app:2', ...strategy });
  run(world);
  expect(images(world)).toEqual({ a: 'app:1', b: 'app:1', c: 'app:1' });
  world.remove('pods', pods(world).find((pod) => nodeOf(pod) === 'b')?.metadata.name ?? '');
  run(world);
  expect(images(world)).toEqual({ a: 'app:1', b: 'app:2', c: 'app:1' });
});

test('a node that was silent before keeps its pod, blocks nobody, and is updated when it is back', () => {
  const world = worldOf(THREE);
  run(world);
  silence(world, 'b', '2026-01-01T00:30:00Z');
  retemplate(world, { image: 'app:2' });
  run(world);
  expect(images(world)).toEqual({ a: 'app:2', b: 'app:1', c: 'app:2' });
  world.edit<Node>('nodes', 'b', () => ({
    ...aNode('b'),
    status: { ...aNode('b').status, conditions: [{ type: 'Ready', status: 'True' }] },
  }));
  run(world);
  expect(images(world)).toEqual({ a: 'app:2', b: 'app:2', c: 'app:2' });
});

test('the same holds for daemons that would run on silent nodes too', () => {
  const words = (image: string): Words => ({
    template: {
      metadata: { labels: { app: 'agent' } },
      spec: { containers: [{ name: 'c', image }], tolerations: [{ operator: 'Exists' }], schedulerName: 'default-scheduler' },
    },
  });
  const world = worldOf(THREE, words('app:1'));
  run(world);
  silence(world, 'b', '2026-01-01T00:30:00Z');
  world.edit<Pod>('pods', pods(world).find((pod) => nodeOf(pod) === 'b')?.metadata.name ?? '', (pod) => ({
    ...pod,
    status: { phase: 'Running' },
  }));
  retemplate(world, words('app:2'));
  run(world);
  expect(images(world)).toEqual({ a: 'app:2', b: 'app:1', c: 'app:2' });
});

test('a node that falls silent after it was given the new pod counts as failed', () => {
  const world = worldOf({ ...THREE, d: {} });
  run(world);
  retemplate(world, { image: 'app:2' });
  world.run(daemonSetController, 'default/agent', NOW);
  world.run(daemonSetController, 'default/agent', NOW);
  world.run(daemonSetController, 'default/agent', NOW);
  bindAll(world);
  const updated = pods(world).find(({ spec }) => spec?.containers[0]?.image === 'app:2');
  expect(updated).toBeDefined();
  silence(world, nodeOf(updated as Pod), '2026-01-01T00:30:00Z');
  run(world, (pod) => nodeOf(pod) !== nodeOf(updated as Pod));
  expect(Object.values(images(world)).filter((image) => image === 'app:2')).toHaveLength(1);
});

test('a pod that failed is replaced, but not at once again and again', () => {
  const world = worldOf({ a: {} });
  run(world);
  world.edit<Pod>('pods', pods(world)[0]?.metadata.name ?? '', (pod) => ({
    ...pod,
    metadata: { ...pod.metadata, creationTimestamp: '2026-01-01T00:59:57Z' },
    status: { phase: 'Failed' },
  }));
  const { changes, afterMs } = daemonSetController.reconcile('default/agent', world.view(), NOW);
  expect(changes.filter(({ verb }) => verb === 'delete')).toEqual([]);
  expect(afterMs).toBe(7_000);
  settle(world, [daemonSetController], () => NOW + 7_000, live);
  expect(pods(world).map(({ status }) => status?.phase)).toEqual(['Running']);
});

test('a heartbeat of a node concerns no DaemonSet, a new label all of them', () => {
  const world = worldOf(THREE);
  const beat = { ...aNode('a'), status: { ...aNode('a').status, phase: 'beat' } };
  const keysOf = (after: Node) => daemonSetController.keysOf({ resource: 'nodes', before: aNode('a'), after }, world.view());
  expect(keysOf(beat)).toEqual([]);
  expect(keysOf(aNode('a', { labels: { x: 'y' } }))).toEqual(['default/agent']);
});
