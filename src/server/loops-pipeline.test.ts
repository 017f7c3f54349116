import { expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { openTestStore } from '../../test/support/store.ts';
import { builtinResources } from '../api/kinds/builtin.ts';
import type { CoreEvent } from '../api/kinds/event.ts';
import type { Node } from '../api/kinds/node.ts';
import { isPodReady, type Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';
import { createRegistry } from '../api/registry.ts';
import { loadBuiltinSchema } from '../api/schema/builtin.ts';
import { rfc3339 } from '../lib/clock.ts';
import { seededIds } from '../lib/ids.ts';
import { silentLog } from '../lib/log.ts';
import { createApi } from '../rest/api.ts';
import type { Author, Change } from '../rest/change.ts';
import { builtinAdmissions } from './admission/builtin.ts';
import { authorize } from './auth/authorize.ts';
import { builtinControllers } from './controllers/builtin.ts';
import { startLoops } from './loops.ts';

const ADMIN: Author = { user: { name: 'admin', groups: ['system:masters', 'system:authenticated'] }, fieldManager: 'test' };

/** The server's core without sockets: real store, real pipeline with its admission and rules, all controllers, the scheduler. */
async function setUp() {
  const [clock, ids] = [manualClock(), seededIds(5)];
  const store = await openTestStore({ clock, ids });
  const registry = createRegistry(builtinResources);
  const api = createApi({
    registry: () => registry,
    schema: loadBuiltinSchema(),
    storage: store.storage,
    admissions: builtinAdmissions({ ids }),
    authorize: async (user, target) => authorize(user, target),
    connectors: {},
    paths: {},
    clock,
    ids,
    log: silentLog,
    release: 'test',
    readiness: () => ({}),
  });
  const stop = new AbortController();
  const controllers = builtinControllers({ registry: () => registry, caBundle: 'PEM' });
  const loops = startLoops(
    { storage: store.storage, view: store.view, change: api.change, controllers, clock, ids, log: silentLog },
    stop.signal,
  );
  const act = (change: Change) => api.change(change, ADMIN, stop.signal);
  const list = <T extends KubeObject>(resource: string, namespace?: string) =>
    store.view().list(resource, namespace) as readonly T[];
  /** Until nothing has been due for a while: news come a turn later, and what was refused comes again in a moment. */
  const quiet = async () => {
    let idle = 0;
    for (let turns = 0; turns < 1_000; turns += 1) {
      await clock.advance(20);
      idle = loops.idle() ? idle + 1 : 0;
      if (idle === 10) return;
    }
    throw new Error('the loops do not come to rest');
  };
  const patch = (resource: string, { metadata }: KubeObject, body: unknown, subresource?: string) =>
    act({
      verb: 'patch',
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      namespace: metadata.namespace ?? '',
      name: metadata.name ?? '',
      patchType: 'strategic',
      patch: body,
    });
  /** A node with its heartbeat, ready. */
  const join = async (name: string) => {
    await act({
      verb: 'create',
      resource: 'nodes',
      object: { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } },
    });
    await quiet();
    await beat(name);
    const allocatable = { cpu: '4', memory: '8Gi', pods: '20' };
    const conditions = [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: '',
        lastHeartbeatTime: rfc3339(clock.now()),
        lastTransitionTime: rfc3339(clock.now()),
      },
    ];
    await patch(
      'nodes',
      { apiVersion: 'v1', kind: 'Node', metadata: { name } },
      { status: { allocatable, capacity: allocatable, conditions } },
      'status',
    );
    await quiet();
  };
  const beat = async (name: string) => {
    const key = { resource: 'leases.coordination.k8s.io', namespace: 'kube-node-lease', name };
    const old = await store.storage.get(key);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: key.namespace },
      spec: { holderIdentity: name, leaseDurationSeconds: 40 },
    };
    await act(
      old === undefined
        ? { verb: 'create', resource: key.resource, object: lease }
        : {
            verb: 'update',
            resource: key.resource,
            object: {
              ...old,
              spec: { ...lease.spec, renewTime: `2026-01-01T00:00:00.${String(clock.monotonic()).padStart(6, '0').slice(-6)}Z` },
            },
          },
    );
  };
  /** What agents would do until nothing changes: pods run and get ready, those going end. `broken` images never get ready. */
  const live = async (broken: readonly string[] = [], silent: readonly string[] = []) => {
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await quiet();
      const bound = list<Pod>('pods').filter(
        ({ spec }) => (spec?.nodeName ?? '') !== '' && !silent.includes(spec?.nodeName ?? ''),
      );
      const going = bound.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      const starting = bound.filter(
        (pod) => !going.includes(pod) && !isPodReady(pod) && !broken.includes(pod.spec?.containers[0]?.image ?? ''),
      );
      if (going.length + starting.length === 0) return;
      for (const { metadata } of going)
        await act({
          verb: 'delete',
          resource: 'pods',
          namespace: metadata.namespace ?? '',
          name: metadata.name ?? '',
          gracePeriodSeconds: 0,
        });
      for (const pod of starting)
        await patch(
          'pods',
          pod,
          {
            status: {
              phase: 'Running',
              conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(clock.now()) }],
            },
          },
          'status',
        );
    }
    throw new Error('the pods do not come to rest');
  };
  const end = async () => {
    stop.abort();
    await clock.advance(100);
    await loops.done;
    await store.close();
  };
  return { store, clock, act, patch, list, quiet, join, beat, live, end };
}

function workload(
  kind: 'Deployment' | 'DaemonSet',
  image: string,
  spec: Readonly<Record<string, unknown>> = {},
  namespace = 'default',
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', namespace },
    spec: {
      selector: { matchLabels: { app: kind } },
      template: {
        metadata: { labels: { app: kind } },
        spec: { containers: [{ name: 'c', image, resources: { requests: { cpu: '100m' } } }] },
      },
      ...spec,
    },
  };
}

const images = (pods: readonly Pod[]) => pods.map(({ spec }) => `${spec?.nodeName} ${spec?.containers[0]?.image}`).toSorted();

test('an empty cluster gets its namespaces, accounts and bundles; a node its addresses, and pods only once it is ready', async () => {
  const { list, quiet, join, end } = await setUp();
  await quiet();
  const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
  expect(list('namespaces').map(({ metadata }) => metadata.name)).toEqual(namespaces);
  expect(list('serviceaccounts').map(({ metadata }) => metadata.namespace)).toEqual(namespaces);
  expect(list('configmaps').map(({ metadata }) => metadata.namespace)).toEqual(namespaces);
  await join('n1');
  await join('n2');
  expect(list<Node>('nodes').map(({ spec }) => [spec?.podCIDR, spec?.taints ?? []])).toEqual([
    ['10.32.0.0/25', []],
    ['10.32.0.128/25', []],
  ]);
  await end();
});

test('a Deployment rolls out, is rolled back as kubectl does it, and goes with all that is its', async () => {
  const { act, patch, list, join, live, quiet, end } = await setUp();
  await quiet();
  for (const name of ['n1', 'n2']) await join(name);
  const made = await act({
    verb: 'create',
    resource: 'deployments.apps',
    object: workload('Deployment', 'app:1', { replicas: 4 }),
  });
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1', 'n2 app:1', 'n2 app:1']);
  const to = (image: string) =>
    patch('deployments.apps', made as KubeObject, { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });
  await to('broken');
  await live(['broken']);
  expect(list<Pod>('pods').filter(isPodReady).length).toBeGreaterThanOrEqual(3);
  await to('app:1');
  await live(['broken']);
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1', 'n2 app:1', 'n2 app:1']);
  const [deployment] = list('deployments.apps');
  expect(deployment).toMatchObject({
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '3' } },
    status: { replicas: 4, readyReplicas: 4, updatedReplicas: 4, availableReplicas: 4 },
  });
  await act({ verb: 'delete', resource: 'deployments.apps', namespace: 'default', name: 'web', propagationPolicy: 'Foreground' });
  await live();
  expect(['deployments.apps', 'replicasets.apps', 'pods'].flatMap((resource) => list(resource))).toEqual([]);
  await end();
});

test('orphaning a Deployment leaves its set, and another of the same selector takes it over', async () => {
  const { act, list, join, live, quiet, end } = await setUp();
  await quiet();
  await join('n1');
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  const uids = list('pods').map(({ metadata }) => metadata.uid);
  await act({ verb: 'delete', resource: 'deployments.apps', namespace: 'default', name: 'web', propagationPolicy: 'Orphan' });
  await live();
  expect(list('deployments.apps')).toEqual([]);
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  expect(list('pods').map(({ metadata }) => metadata.uid)).toEqual(uids);
  expect(list('replicasets.apps')).toHaveLength(1);
  await end();
});

test('a node that falls silent keeps its pods, blocks no rollout, and is updated on its return', async () => {
  const { clock, act, patch, list, join, beat, live, quiet, end } = await setUp();
  await quiet();
  for (const name of ['n1', 'n2', 'n3']) await join(name);
  const made = await act({ verb: 'create', resource: 'daemonsets.apps', object: workload('DaemonSet', 'app:1') });
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n2 app:1', 'n3 app:1']);
  for (let seconds = 0; seconds < 60; seconds += 10) {
    await clock.advance(10_000);
    for (const name of ['n1', 'n3']) await beat(name);
  }
  await quiet();
  const silent = list<Node>('nodes').find(({ metadata }) => metadata.name === 'n2');
  expect(silent?.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
  });
  expect(silent?.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  expect(
    list<Pod>('pods')
      .filter((pod) => !isPodReady(pod))
      .map(({ spec }) => spec?.nodeName),
  ).toEqual(['n2']);
  await patch('daemonsets.apps', made as KubeObject, {
    spec: { template: { spec: { containers: [{ name: 'c', image: 'app:2' }] } } },
  });
  await live([], ['n2']);
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:2', 'n2 app:1', 'n3 app:2']);
  expect(list<Pod>('pods').filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  await beat('n2');
  await patch(
    'nodes',
    silent as Node,
    { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(clock.now()) }] } },
    'status',
  );
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:2', 'n2 app:2', 'n3 app:2']);
  await end();
});

test('a namespace goes with everything in it, and nothing else', async () => {
  const { act, list, join, live, quiet, end } = await setUp();
  await quiet();
  await join('n1');
  await act({
    verb: 'create',
    resource: 'namespaces',
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
  });
  await quiet();
  for (const namespace of ['team', 'default'])
    await act({
      verb: 'create',
      resource: 'deployments.apps',
      object: workload('Deployment', 'app:1', { replicas: 2 }, namespace),
    });
  await live();
  await act({ verb: 'delete', resource: 'namespaces', namespace: '', name: 'team' });
  await live();
  expect(list('namespaces').some(({ metadata }) => metadata.name === 'team')).toBe(false);
  expect(builtinResources.filter(({ namespaced }) => namespaced).flatMap(({ id }) => list(id, 'team'))).toEqual([]);
  expect(list('pods', 'default')).toHaveLength(2);
  await end();
});

test('a deleted node takes its pods along, and their owner makes others elsewhere', async () => {
  const { clock, act, list, join, beat, live, quiet, end } = await setUp();
  await quiet();
  for (const name of ['n1', 'n2']) await join(name);
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  await act({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n2' });
  for (let seconds = 0; seconds < 50; seconds += 10) {
    await clock.advance(10_000);
    await beat('n1');
  }
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1']);
  await end();
});

test('why a pod waits stands in its event and its condition', async () => {
  const { act, list, join, quiet, end } = await setUp();
  await quiet();
  await join('n1');
  const spec = { containers: [{ name: 'c', image: 'app', resources: { requests: { cpu: '64' } } }] };
  await act({
    verb: 'create',
    resource: 'pods',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'big', namespace: 'default' }, spec },
  });
  await quiet();
  const message =
    '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
  expect(list<Pod>('pods')[0]?.status?.conditions).toMatchObject([
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
  ]);
  expect(list<CoreEvent>('events').filter(({ reason }) => reason === 'FailedScheduling')).toMatchObject([
    { type: 'Warning', message, source: { component: 'default-scheduler' }, involvedObject: { kind: 'Pod', name: 'big' } },
  ]);
  await end();
});
