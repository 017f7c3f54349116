import { expect, test } from 'vitest';
import { aNode, aPod, type NodeWords } from '../../../../test/support/cluster-objects.ts';
import { sentenceOf, viewOf, World } from '../../../../test/support/view-of.ts';
import { parseCidr, type IpNetwork } from '../../../api/ip.ts';
import type { Node, NodeCondition, Taint } from '../../../api/kinds/node.ts';
import type { Pod, Toleration } from '../../../api/kinds/pod.ts';
import { nodeIpam } from './node-ipam.ts';
import { nodeLifecycle } from './node-lifecycle.ts';
import { taintEviction } from './taint-eviction.ts';
import { taintsFor } from './taints.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const READY_POD = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
};

function withConditions(name: string, conditions: Readonly<Record<string, string>>, words: NodeWords = {}): Node {
  const node = aNode(name, words);
  const list = Object.entries(conditions).map(([type, status]): NodeCondition => ({
    type,
    status,
    lastHeartbeatTime: '2026-01-01T00:00:00Z',
  }));
  return { ...node, status: { ...node.status, conditions: list } };
}

const aLease = (name: string, leaseDurationSeconds = 40) => ({
  resource: 'leases.coordination.k8s.io',
  object: {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { leaseDurationSeconds },
  },
});

const silentFor = (name: string, ms: number) => ({ [`leases.coordination.k8s.io/kube-node-lease/${name}`]: ms });

function lifecycleOf(node: Node, silentMs: number, pods: readonly Pod[] = []) {
  const objects = [
    { resource: 'nodes', object: node },
    aLease(node.metadata.name ?? ''),
    ...pods.map((object) => ({ resource: 'pods', object })),
  ];
  return nodeLifecycle.reconcile(node.metadata.name ?? '', viewOf(objects, silentFor(node.metadata.name ?? '', silentMs)), NOW);
}

test('a node whose lease is renewed is left as it is, and looked at when the lease would end', () => {
  expect(lifecycleOf(withConditions('a', { Ready: 'True' }), 15_000)).toEqual({ changes: [], events: [], afterMs: 25_050 });
});

test('a silent node is Unknown in everything it used to say, keeps when it said it, and is told of', () => {
  const { changes, events } = lifecycleOf(withConditions('a', { Ready: 'True', DiskPressure: 'False' }), 40_000);
  const [change] = changes;
  const conditions = (
    change?.verb === 'patch' ? (change.patch as { status: { conditions: readonly NodeCondition[] } }) : undefined
  )?.status.conditions;
  expect(conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'Ready Unknown NodeStatusUnknown',
    'MemoryPressure Unknown NodeStatusNeverUpdated',
    'DiskPressure Unknown NodeStatusUnknown',
    'PIDPressure Unknown NodeStatusNeverUpdated',
  ]);
  expect(conditions?.[0]).toMatchObject({
    message: 'Kubelet stopped posting node status.',
    lastHeartbeatTime: '2026-01-01T00:00:00Z',
    lastTransitionTime: '2026-01-01T01:00:00Z',
  });
  expect(events?.map(({ message }) => message)).toEqual(['Node a status is now: NodeNotReady']);
});

test('silence is not said twice; pods there are no longer known to be ready, and nothing is deleted', () => {
  const silent = withConditions('a', {
    Ready: 'Unknown',
    MemoryPressure: 'Unknown',
    DiskPressure: 'Unknown',
    PIDPressure: 'Unknown',
  });
  const pods = [
    aPod('ready', { node: 'a', status: READY_POD }),
    aPod('waiting', { node: 'a' }),
    aPod('elsewhere', { node: 'b', status: READY_POD }),
  ];
  const { changes } = lifecycleOf(silent, 90_000, pods);
  expect(changes.map(({ verb, ...change }) => `${verb} ${'name' in change ? change.name : change.object.metadata.name}`)).toEqual(
    ['update a', 'patch ready'],
  );
  expect(changes[1]).toMatchObject({
    subresource: 'status',
    patchType: 'strategic',
    patch: { status: { conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }] } },
  });
});

test('pods of a node that is heard again are as ready as their agent said last, unless it says otherwise', () => {
  const withReady = (name: string, ready: { readonly status: string; readonly reason?: string }) => {
    const conditions = [{ type: 'Ready', lastTransitionTime: '2026-01-01T00:00:00Z', ...ready }];
    return aPod(name, { node: 'a', status: { ...READY_POD, conditions }, metadata: { name, resourceVersion: '7' } });
  };
  const pods = [
    withReady('marked', { status: 'False', reason: 'NodeNotReady' }),
    withReady('unready', { status: 'False', reason: 'ContainersNotReady' }),
    withReady('ready', { status: 'True' }),
  ];
  const { changes } = lifecycleOf(withConditions('a', { Ready: 'True' }), 1_000, pods);
  expect(changes).toHaveLength(1);
  expect(changes[0]).toMatchObject({
    name: 'marked',
    patch: { metadata: { resourceVersion: '7' }, status: { conditions: [{ type: 'Ready', status: 'True', reason: null }] } },
  });
});

test('clocks that jump make no node look dead or alive', () => {
  const jumped = withConditions('a', { Ready: 'True' });
  expect(
    nodeLifecycle.reconcile('a', viewOf([{ resource: 'nodes', object: jumped }, aLease('a')], silentFor('a', 1_000)), NOW + 1e12)
      .changes,
  ).toEqual([]);
  expect(
    nodeLifecycle.reconcile('a', viewOf([{ resource: 'nodes', object: jumped }, aLease('a')], silentFor('a', 60_000)), 0).changes,
  ).toHaveLength(1);
});

test('without a lease a node’s own heartbeat counts, and a new one has time to speak', () => {
  const heartbeat = {
    ...withConditions('a', { Ready: 'True' }),
    metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
  };
  const opened = { 'leases.coordination.k8s.io/kube-node-lease/a': 3_600_000 };
  const at = (ms: number, node: Node = heartbeat) =>
    nodeLifecycle.reconcile('a', viewOf([{ resource: 'nodes', object: node }], opened), ms);
  const spoken = Date.parse('2026-01-01T00:00:00Z');
  expect(at(spoken + 39_000).changes.map(sentenceOf)).toEqual([]);
  expect(at(spoken + 40_000).changes).toHaveLength(1);
  expect(at(spoken - 1e9).changes).toHaveLength(1);
  const fresh = { ...aNode('a'), metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' } };
  expect(at(spoken + 59_000, fresh).changes.filter(({ verb }) => verb === 'patch')).toEqual([]);
  expect(at(spoken + 60_000, fresh).changes.filter(({ verb }) => verb === 'patch')).toHaveLength(1);
});

function checkTaints(node: Node, expected: readonly string[] | 'as they are') {
  const taints = taintsFor(node, NOW);
  expect(
    taints?.map(
      ({ key, effect, timeAdded }) => `${key}:${effect}${timeAdded === undefined ? '' : ` since ${timeAdded.slice(11, 16)}`}`,
    ) ?? 'as they are',
  ).toEqual(expected);
}

test('taints follow the node’s state, and others’ taints stay', () => {
  const mine: Taint = { key: 'mine', effect: 'NoSchedule' };
  const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  checkTaints(withConditions('a', { Ready: 'True' }, { taints: [mine] }), 'as they are');
  checkTaints(withConditions('a', { Ready: 'True' }, { taints: [mine, notReady] }), ['mine:NoSchedule']);
  checkTaints(withConditions('a', { Ready: 'False' }, { taints: [notReady] }), [
    'node.kubernetes.io/not-ready:NoSchedule',
    'node.kubernetes.io/not-ready:NoExecute since 01:00',
  ]);
  checkTaints(withConditions('a', { Ready: 'Unknown' }, { taints: [notReady] }), [
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute since 01:00',
  ]);
  checkTaints(withConditions('a', { Ready: 'True', DiskPressure: 'True' }, { unschedulable: true }), [
    'node.kubernetes.io/unschedulable:NoSchedule',
    'node.kubernetes.io/disk-pressure:NoSchedule',
  ]);
  checkTaints(withConditions('a', {}, { taints: [notReady] }), 'as they are');
  checkTaints(withConditions('a', { Ready: 'True' }, { taints: [{ key: 'mine', effect: 'NoExecute' }] }), [
    'mine:NoExecute since 01:00',
  ]);
});

const UNREACHABLE: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T00:59:00Z' };

function checkEvictions(
  {
    taints = [UNREACHABLE],
    tolerations = {},
    others = ['True'],
    zone,
    upMs = 3_600_000,
    now = NOW,
  }: {
    readonly taints?: readonly Taint[];
    readonly tolerations?: Readonly<Record<string, readonly Toleration[]>>;
    readonly others?: readonly string[];
    readonly zone?: string;
    readonly upMs?: number;
    readonly now?: number;
  },
  expected: readonly string[],
  afterMs?: number,
) {
  const labels = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
  const nodes = [
    withConditions('a', { Ready: 'Unknown' }, { taints, labels }),
    ...others.map((ready, index) => withConditions(`b${index}`, { Ready: ready }, { labels })),
  ];
  const pods = Object.entries(tolerations).map(([name, list]) => aPod(name, { node: 'a', tolerations: list }));
  const objects = [
    ...nodes.map((object) => ({ resource: 'nodes', object })),
    ...pods.map((object) => ({ resource: 'pods', object })),
  ];
  const outcome = taintEviction.reconcile('a', viewOf(objects, { 'nodes//': upMs }), now);
  const deletes = outcome.changes.flatMap((change) => (change.verb === 'delete' ? [change] : []));
  expect({ told: deletes.map(sentenceOf), afterMs: outcome.afterMs }).toEqual({ told: expected, afterMs });
  const marked = outcome.changes.flatMap((change) =>
    change.verb === 'patch' && JSON.stringify(change.patch).includes('"DisruptionTarget","status":"True"') ? [change.name] : [],
  );
  expect(marked).toEqual(deletes.map(({ name }) => name));
}

const bears = (tolerationSeconds?: number): readonly Toleration[] => [
  {
    key: UNREACHABLE.key,
    operator: 'Exists',
    effect: 'NoExecute',
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  },
];

test('pods that bear silence for ever stay for ever, others as long as they say', () => {
  checkEvictions({ tolerations: { stays: bears(), brief: bears(60), patient: bears(90) } }, ['delete pods brief'], 30_000);
  checkEvictions({ tolerations: { bare: [] } }, ['delete pods bare']);
});

test('neither a jump of the clock nor a restart of the server cuts patience short, nor makes it last for years', () => {
  const tolerations = { brief: bears(60) };
  checkEvictions({ tolerations, upMs: 20_000, now: NOW + 1e12 }, [], 40_000);
  checkEvictions({ tolerations, upMs: 60_000, now: NOW + 1e12 }, ['delete pods brief']);
  checkEvictions({ tolerations, upMs: 20_000, now: NOW - 1e12 }, [], 40_000);
  checkEvictions({ tolerations, upMs: 60_000, now: NOW - 1e12 }, ['delete pods brief']);
});

test('when a whole zone, or the whole cluster, is silent nobody is moved for it', () => {
  checkEvictions({ tolerations: { brief: bears(60) }, others: ['Unknown', 'Unknown'] }, [], 60_000);
  checkEvictions({ tolerations: { brief: bears(60) }, others: ['Unknown'], zone: 'z' }, [], 60_000);
});

test('a taint that somebody set evicts also then', () => {
  const taints = [UNREACHABLE, { key: 'drain', effect: 'NoExecute', timeAdded: '2026-01-01T00:59:00Z' }];
  checkEvictions({ taints, tolerations: { brief: bears(60) }, others: ['Unknown'] }, ['delete pods brief']);
});

const CIDR = parseCidr('10.32.0.0/23') as IpNetwork;

test('each node gets the lowest free block, and none when all are taken', () => {
  const world = new World();
  const withCidr = (name: string, podCIDR: string): Node => ({ ...aNode(name), spec: { podCIDR } });
  for (const node of [withCidr('a', '10.32.0.128/25'), aNode('b'), aNode('c'), aNode('d'), aNode('e')]) world.add('nodes', node);
  world.run(nodeIpam(CIDR), 'nodes', NOW);
  const cidrs = (world.all('nodes') as readonly Node[]).map(({ spec }) => spec?.podCIDR ?? '-');
  expect(cidrs).toEqual(['10.32.0.128/25', '10.32.0.0/25', '10.32.1.0/25', '10.32.1.128/25', '-']);
  expect(world.notes).toEqual(['Node e status is now: CIDRNotAvailable']);
  world.remove('nodes', 'b');
  world.run(nodeIpam(CIDR), 'nodes', NOW);
  expect((world.all('nodes').at(-1) as Node).spec).toMatchObject({ podCIDR: '10.32.0.0/25', podCIDRs: ['10.32.0.0/25'] });
});

test('a larger block given by hand is kept clear, one from elsewhere is no matter', () => {
  const world = new World();
  for (const [name, podCIDR] of [
    ['a', '10.32.0.0/24'],
    ['x', '192.168.0.0/24'],
  ] as const)
    world.add('nodes', { ...aNode(name), spec: { podCIDR } });
  world.add('nodes', aNode('b'));
  world.run(nodeIpam(CIDR), 'nodes', NOW);
  expect((world.all('nodes').at(-1) as Node).spec?.podCIDR).toBe('10.32.1.0/25');
});

test('a heartbeat is no news, a change of how long silence may last is', () => {
  const lease = (leaseDurationSeconds: number, renewTime: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'a', namespace: 'kube-node-lease' },
    spec: { leaseDurationSeconds, renewTime },
  });
  const resource = 'leases.coordination.k8s.io';
  const view = viewOf([{ resource: 'nodes', object: withConditions('a', { Ready: 'True' }) }]);
  const keys = (before: number, after: number) =>
    nodeLifecycle.keysOf({ resource, before: lease(before, '1'), after: lease(after, '2') }, view);
  expect(keys(75, 75)).toEqual([]);
  expect(keys(75, 13)).toEqual(['a']);
});
