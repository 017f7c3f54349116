import { expect, test } from 'vitest';
import { aNode, aPod, owner, type NodeWords, type PodWords } from '../../test/support/cluster-objects.ts';
import type { Decision } from './pick.ts';
import { Scheduler } from './scheduler.ts';

type Cluster = { readonly nodes?: Readonly<Record<string, NodeWords>>; readonly pods: Readonly<Record<string, PodWords>> };

/** Decides for the cluster's unbound pods and tells what comes of it as sentences, in the order decided. */
function checkDecisions({ nodes = {}, pods }: Cluster, expected: readonly string[]) {
  expect(sentences(schedulerOf({ nodes, pods }).decide())).toEqual(expected);
}

function schedulerOf({ nodes = {}, pods }: Cluster): Scheduler {
  const scheduler = new Scheduler();
  for (const [name, words] of Object.entries(nodes)) scheduler.apply({ resource: 'nodes', after: aNode(name, words) });
  for (const [name, words] of Object.entries(pods)) scheduler.apply({ resource: 'pods', after: aPod(name, words) });
  return scheduler;
}

function sentences(decisions: readonly Decision[]): readonly string[] {
  return decisions.flatMap((decision) =>
    decision.type === 'placed'
      ? decision.binds.map(({ pod, node }) => `${pod.metadata.name} to ${node}`)
      : [`${decision.unit.pods.map((pod) => pod.metadata.name).join('+')} waits: ${decision.message}`],
  );
}

const GIB = { big: { allocatable: { memory: '2Gi' } }, small: { allocatable: { memory: '1280Mi' } } };

test('a pod is placed whole: 1 GiB and 0.5 GiB go where 2 GiB are free, never where 1.25 are', () => {
  checkDecisions({ nodes: GIB, pods: { web: { requests: [{ memory: '1Gi' }, { memory: '512Mi' }] } } }, ['web to big']);
  checkDecisions({ nodes: { small: GIB.small }, pods: { web: { requests: [{ memory: '1Gi' }, { memory: '512Mi' }] } } }, [
    'web waits: 0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ]);
});

test('every filter says why in the words of Kubernetes', () => {
  checkDecisions(
    {
      nodes: {
        cordoned: { unschedulable: true },
        tainted: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
        elsewhere: { labels: { zone: 'b' } },
        taken: { labels: { zone: 'a' } },
        full: { labels: { zone: 'a' }, allocatable: { pods: '0', memory: '1Mi' } },
      },
      pods: {
        holder: { node: 'taken', hostPorts: [80] },
        web: { nodeSelector: { zone: 'a' }, hostPorts: [80], requests: [{ memory: '2Mi', 'example.com/gpu': '1' }] },
      },
    },
    [
      "web waits: 0/5 nodes are available: 1 Insufficient example.com/gpu, 1 Insufficient memory, 1 Too many pods, 1 node(s) didn't have free ports for the requested pod ports, 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/5 nodes are available: 1 No preemption victims found for incoming pod, 4 Preemption is not helpful for scheduling.",
    ],
  );
});

test('the host ports of a sidecar are taken, those of an init container that ends are free again', () => {
  const init = (restartPolicy?: string) => ({
    initContainers: [
      {
        name: 'i',
        image: 'app',
        ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
        ...(restartPolicy === undefined ? {} : { restartPolicy }),
      },
    ],
  });
  const web = { hostPorts: [80] };
  checkDecisions({ nodes: { a: {} }, pods: { setup: { node: 'a', spec: init() }, web } }, ['web to a']);
  const why =
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
  checkDecisions({ nodes: { a: {} }, pods: { proxy: { node: 'a', spec: init('Always') }, web } }, [`web waits: ${why}`]);
  checkDecisions({ nodes: { a: {} }, pods: { there: { node: 'a', ...web }, proxy: { spec: init('Always') } } }, [
    `proxy waits: ${why}`,
  ]);
});

test('a wish without a term, which Go takes for one that nothing meets, keeps nobody waiting', () => {
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } };
  // Sound: validation lets it pass, as upstream's does; only the type says that it is always there.
  const odd = { spec: { affinity } } as unknown as PodWords;
  checkDecisions({ nodes: { a: {} }, pods: { first: odd, second: {} } }, ['first to a', 'second to a']);
});

test('a pod at which the scheduler fails is told so, and keeps nobody waiting', () => {
  const broken = { spec: { tolerations: 7 } } as unknown as PodWords;
  expect(sentences(schedulerOf({ nodes: { a: {} }, pods: { broken, fine: {} } }).decide())).toEqual([
    expect.stringMatching(/^broken waits: the scheduler failed at this pod: .*is not a function$/),
    'fine to a',
  ]);
});

test('without any node the event says so', () => {
  checkDecisions({ pods: { web: {} } }, ['web waits: no nodes available to schedule pods']);
});

test('a pod that may not preempt is told that', () => {
  checkDecisions({ nodes: { a: { unschedulable: true } }, pods: { web: { spec: { preemptionPolicy: 'Never' } } } }, [
    'web waits: 0/1 nodes are available: 1 node(s) were unschedulable. preemption: not eligible due to preemptionPolicy=Never.',
  ]);
});

test('the pods of one owner spread, ties go by name', () => {
  const rs = owner('rs');
  checkDecisions({ nodes: { c: {}, a: {}, b: {} }, pods: { p1: { owner: rs }, p2: { owner: rs }, p3: { owner: rs } } }, [
    'p1 to a',
    'p2 to b',
    'p3 to c',
  ]);
});

test('an emptier node is better, and so is one in balance', () => {
  checkDecisions({ nodes: { a: {}, b: {} }, pods: { there: { node: 'a', requests: [{ cpu: '1', memory: '2Gi' }] }, web: {} } }, [
    'web to b',
  ]);
  checkDecisions(
    {
      nodes: { a: { allocatable: { cpu: '2' } }, b: { allocatable: { memory: '4Gi' } } },
      pods: { web: { requests: [{ cpu: '1', memory: '1Gi' }] } },
    },
    ['web to b'],
  );
});

test('preferred affinity and PreferNoSchedule are wishes, not conditions', () => {
  const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, preference }] } };
  const nodes = { a: {}, b: { labels: { disk: 'ssd' } } };
  checkDecisions({ nodes, pods: { web: { spec: { affinity } } } }, ['web to b']);
  checkDecisions({ nodes: { a: {} }, pods: { web: { spec: { affinity } } } }, ['web to a']);
  const taints = [{ key: 'soft', effect: 'PreferNoSchedule' }];
  checkDecisions({ nodes: { a: { taints }, b: {} }, pods: { web: {} } }, ['web to b']);
  checkDecisions({ nodes: { a: { taints } }, pods: { web: {} } }, ['web to a']);
});

test('tolerations let a pod onto tainted and cordoned nodes', () => {
  const taints = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }];
  checkDecisions({ nodes: { a: { unschedulable: true, taints } }, pods: { web: { tolerations: [{ operator: 'Exists' }] } } }, [
    'web to a',
  ]);
});

test('a DaemonSet’s pod goes to the node it names or nowhere', () => {
  const pinnedTo = (name: string): PodWords => ({
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }],
          },
        },
      },
    },
  });
  const nodes = { a: {}, b: {}, full: { allocatable: { pods: '0' } } };
  checkDecisions({ nodes, pods: { d1: pinnedTo('b') } }, ['d1 to b']);
  checkDecisions({ nodes, pods: { d1: pinnedTo('full') } }, [
    "d1 waits: 0/3 nodes are available: 1 Too many pods, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
  ]);
});

test('priority comes before age, age before name', () => {
  const at = (second: number, priority = 0): PodWords => ({
    metadata: { creationTimestamp: `2026-01-01T00:00:0${second}Z` },
    spec: { priority },
  });
  const nodes = { a: { allocatable: { pods: '10' } } };
  checkDecisions({ nodes, pods: { young: at(2), old: at(1), alsoOld: at(1), urgent: at(3, 5) } }, [
    'urgent to a',
    'alsoOld to a',
    'old to a',
    'young to a',
  ]);
});

test('others’ pods, gated ones, those going and those that ended are left alone; the ended take no room', () => {
  checkDecisions(
    {
      nodes: { a: { allocatable: { pods: '1' } } },
      pods: {
        foreign: { spec: { schedulerName: 'mine' } },
        gated: { spec: { schedulingGates: [{ name: 'wait' }] } },
        going: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
        done: { node: 'a', status: { phase: 'Succeeded' } },
        web: {},
      },
    },
    ['web to a'],
  );
});

test('a parked pod is looked at again when room may have come, and only then', () => {
  const scheduler = schedulerOf({ nodes: { a: { allocatable: { pods: '1' } } }, pods: { first: { node: 'a' }, web: {} } });
  scheduler.decide();
  expect(scheduler.readyCount).toBe(0);
  scheduler.apply({
    resource: 'nodes',
    after: {
      ...aNode('a', { allocatable: { pods: '1' } }),
      status: { ...aNode('a', { allocatable: { pods: '1' } }).status, phase: 'x' },
    },
  });
  scheduler.apply({
    resource: 'pods',
    before: aPod('web'),
    after: aPod('web', { status: { phase: 'Pending', reason: 'Unschedulable' } }),
  });
  expect(scheduler.readyCount).toBe(0);
  scheduler.apply({ resource: 'pods', before: aPod('first', { node: 'a' }) });
  expect(sentences(scheduler.decide())).toEqual(['web to a']);
});

test('a node that comes, or offers more, frees parked pods; so does the periodic pass', () => {
  const scheduler = schedulerOf({ nodes: { a: { allocatable: { pods: '0' } } }, pods: { web: {} } });
  scheduler.decide();
  scheduler.retryAll();
  expect(scheduler.decide()).toHaveLength(1);
  scheduler.apply({ resource: 'nodes', after: aNode('b', { unschedulable: true }) });
  expect(sentences(scheduler.decide())[0]).toContain('0/2 nodes');
  scheduler.apply({ resource: 'nodes', after: aNode('b') });
  expect(sentences(scheduler.decide())).toEqual(['web to b']);
});

test('room assumed counts until the bind fails, and the pod is decided again with what it is by then', () => {
  const nodes = {
    a: { labels: { zone: 'a' }, allocatable: { pods: '1' } },
    b: { labels: { zone: 'b' }, allocatable: { pods: '1' } },
  };
  const scheduler = schedulerOf({ nodes, pods: { web: {} } });
  const [first] = scheduler.decide();
  expect(sentences(first === undefined ? [] : [first])).toEqual(['web to a']);
  scheduler.apply({ resource: 'pods', after: aPod('other', { nodeSelector: { zone: 'a' } }) });
  expect(sentences(scheduler.decide())[0]).toContain('other waits');
  scheduler.apply({ resource: 'pods', before: aPod('web'), after: aPod('web', { nodeSelector: { zone: 'b' } }) });
  expect(scheduler.readyCount).toBe(0);
  scheduler.undo(aPod('web'));
  expect(sentences(scheduler.decide())).toEqual(['other to a', 'web to b']);
});

test('a bind seen committed is not undone by a late failure, nor is a deleted pod brought back', () => {
  const scheduler = schedulerOf({ nodes: { a: { allocatable: { pods: '1' } } }, pods: { web: {} } });
  scheduler.decide();
  scheduler.apply({ resource: 'pods', before: aPod('web'), after: aPod('web', { node: 'a' }) });
  scheduler.undo(aPod('web'));
  expect(scheduler.waitingCount).toBe(0);
  scheduler.apply({ resource: 'pods', after: aPod('late') });
  expect(sentences(scheduler.decide())[0]).toContain('Too many pods');
  scheduler.apply({ resource: 'pods', before: aPod('web', { node: 'a' }) });
  scheduler.decide();
  scheduler.apply({ resource: 'pods', before: aPod('late') });
  scheduler.undo(aPod('late'));
  expect(scheduler.waitingCount).toBe(0);
});
