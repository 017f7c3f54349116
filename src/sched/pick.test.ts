import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aNode, aPod, owner } from '../../test/support/cluster-objects.ts';
import { matchesRequiredAffinity, podRequests, resourceAmounts, untolerated, type Pod } from '../api/kinds/pod.ts';
import type { Node } from '../api/kinds/node.ts';
import { pick, type Bind } from './pick.ts';
import { SchedulerState } from './state.ts';
import { Templates } from './templates.ts';

const TAINTS = [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }];

const nodeWords = fc.record({
  labels: fc.constantFrom({ zone: 'a' }, { zone: 'b' }),
  taints: fc.constantFrom([], [], TAINTS),
  unschedulable: fc.constantFrom(false, false, true),
  allocatable: fc.record({
    cpu: fc.constantFrom('500m', '1', '2'),
    memory: fc.constantFrom('128Mi', '1Gi', '2Gi'),
    pods: fc.constantFrom('1', '3', '110'),
    'example.com/dongle': fc.constantFrom('0', '1'),
  }),
});

const podWords = fc.record({
  requests: fc.array(fc.record({ cpu: fc.constantFrom('0', '100m', '700m'), memory: fc.constantFrom('1Mi', '100Mi', '1Gi') }), {
    minLength: 1,
    maxLength: 2,
  }),
  dongle: fc.constantFrom(false, false, false, true),
  hostPorts: fc.constantFrom([], [], [80], [80, 443]),
  nodeSelector: fc.constantFrom({}, {}, { zone: 'a' }),
  tolerations: fc.constantFrom([], [{ operator: 'Exists' }]),
  pinned: fc.constantFrom(undefined, undefined, undefined, 'n0', 'n1'),
  owned: fc.boolean(),
});

const cluster = fc.record({
  nodes: fc.array(nodeWords, { maxLength: 5 }).map((all) => all.map((words, index) => aNode(`n${index}`, words))),
  pods: fc.array(podWords, { maxLength: 20 }).map((all) =>
    all.map(({ dongle, pinned, owned, requests, ...words }, index) =>
      aPod(`p${index}`, {
        ...words,
        requests: dongle ? [...requests, { 'example.com/dongle': '1' }] : requests,
        ...(owned ? { owner: owner('rs') } : {}),
        ...(pinned === undefined ? {} : { spec: pinnedTo(pinned) }),
      }),
    ),
  ),
});

function pinnedTo(name: string) {
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }];
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

/** The plain answer to whether a node takes a pod, from the objects alone. */
function takes(node: Node, pod: Pod, there: readonly Pod[]): boolean {
  const room = resourceAmounts(node.status?.allocatable);
  const wanted = podRequests(pod);
  const fits = Object.entries(wanted).every(([resource, amount]) => {
    const used = there.reduce((sum, each) => sum + (podRequests(each)[resource] ?? 0), 0);
    return amount === 0 || used + amount <= (room[resource] ?? 0);
  });
  const ports = (each: Pod) =>
    each.spec?.containers.flatMap((container) => container.ports?.map(({ hostPort }) => hostPort) ?? []) ?? [];
  const taken = there.flatMap(ports);
  const { name = '', labels = {} } = node.metadata;
  const tolerated = untolerated(node.spec?.taints, pod.spec?.tolerations, ['NoSchedule', 'NoExecute']) === undefined;
  const cordonTolerated = (pod.spec?.tolerations ?? []).length > 0;
  return (
    fits &&
    ports(pod).every((port) => !taken.includes(port)) &&
    tolerated &&
    (node.spec?.unschedulable !== true || cordonTolerated) &&
    matchesRequiredAffinity(pod.spec ?? { containers: [] }, { name, labels })
  );
}

function stateOf(nodes: readonly Node[], pods: readonly Pod[] = []): SchedulerState {
  const state = new SchedulerState();
  for (const node of nodes) state.setNode(node);
  for (const pod of pods) state.setPod(pod);
  return state;
}

const bound = (pod: Pod, node: string): Pod => ({
  ...pod,
  spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: node },
});
const single = (pod: Pod) => ({ pods: [pod] });

/** What a state decides about a fixed set of questions: two states that answer alike are alike. */
const QUESTIONS = ['100m', '300m', '600m', '1100m', '1900m'].flatMap((cpu) =>
  ['1Mi', '200Mi', '1100Mi'].map((memory) =>
    aPod(`q-${cpu}-${memory}`, {
      requests: [{ cpu, memory }, ...(memory === '1Mi' ? [{ 'example.com/dongle': '1' }] : [])],
      hostPorts: cpu === '100m' ? [80] : [],
      owner: owner('rs'),
      tolerations: [{ operator: 'Exists' }],
    }),
  ),
);
function fingerprint(state: SchedulerState): unknown {
  return QUESTIONS.map((pod) => {
    const [decision] = pick(state, [single(pod)]);
    state.forget(pod.metadata.uid ?? '');
    return decision?.type === 'placed' ? decision.binds[0]?.node : decision?.message;
  });
}

test('property: a decision never breaks a filter or over-commits, and a pod that fits somewhere never waits', () => {
  fc.assert(
    fc.property(cluster, ({ nodes, pods }) => {
      const state = stateOf(nodes);
      const templates = new Templates();
      const there = new Map<string, Pod[]>(nodes.map((node) => [node.metadata.name ?? '', []]));
      const on = (node: Node) => there.get(node.metadata.name ?? '') ?? [];
      for (const pod of pods) {
        const [decision] = pick(state, [single(pod)], templates);
        const possible = nodes.filter((node) => takes(node, pod, on(node))).map((node) => node.metadata.name);
        if (decision?.type !== 'placed') expect(possible).toEqual([]);
        for (const { node } of decision?.type === 'placed' ? decision.binds : []) {
          expect(possible).toContain(node);
          there.get(node)?.push(pod);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('property: the order in which news come never matters', () => {
  const shuffled = cluster.chain(({ nodes, pods }) => {
    const placed = pods.map((pod, index) => bound(pod, nodes[index % Math.max(1, nodes.length)]?.metadata.name ?? 'gone'));
    const news = [...nodes.map((node) => ({ node })), ...placed.map((pod) => ({ pod }))];
    return fc.record({
      news: fc.constant(news),
      other: fc.shuffledSubarray(news, { minLength: news.length, maxLength: news.length }),
    });
  });
  fc.assert(
    fc.property(shuffled, ({ news, other }) => {
      const build = (all: typeof news) => {
        const state = new SchedulerState();
        for (const each of all) {
          if ('node' in each) state.setNode(each.node);
          else state.setPod(each.pod);
        }
        return fingerprint(state);
      };
      expect(build(other)).toEqual(build(news));
    }),
    { numRuns: 100 },
  );
});

test('property: what is assumed and forgotten, or bound and removed, leaves no trace', () => {
  fc.assert(
    fc.property(cluster, fc.array(fc.nat(), { maxLength: 10 }), ({ nodes, pods }, choices) => {
      const standing = pods.slice(0, 5).map((pod, index) => bound(pod, `n${index}`));
      const state = stateOf(nodes, standing);
      const before = fingerprint(state);
      const passing = pods.slice(5);
      const decisions = pick(state, passing.map(single));
      const binds = decisions.flatMap((decision): readonly Bind[] => (decision.type === 'placed' ? decision.binds : []));
      for (const [index, { pod, node }] of binds.entries()) {
        if ((choices[index] ?? 0) % 2 === 0) state.forget(pod.metadata.uid ?? '');
        else {
          state.setPod(bound(pod, node));
          expect(state.forget(pod.metadata.uid ?? '')).toBe(false);
          state.removePod(pod.metadata.uid ?? '');
        }
      }
      for (const node of nodes.slice(0, 2)) {
        state.removeNode(node.metadata.name ?? '');
        state.setNode(node);
      }
      expect(fingerprint(state)).toEqual(before);
    }),
    { numRuns: 100 },
  );
});

test('property: kept answers never change a decision', () => {
  fc.assert(
    fc.property(cluster, fc.array(nodeWords, { maxLength: 5 }), ({ nodes, pods }, later) => {
      const [kept, fresh] = [stateOf(nodes), stateOf(nodes)];
      const templates = new Templates();
      const half = Math.ceil(pods.length / 2);
      const outcome = (decisions: ReturnType<typeof pick>) =>
        decisions.map((each) => (each.type === 'placed' ? each.binds.map(({ node }) => node) : each.message));
      expect(outcome(pick(kept, pods.slice(0, half).map(single), templates))).toEqual(
        outcome(pick(fresh, pods.slice(0, half).map(single))),
      );
      for (const [index, words] of later.entries()) for (const state of [kept, fresh]) state.setNode(aNode(`n${index}`, words));
      for (const state of [kept, fresh]) state.removeNode('n0');
      expect(outcome(pick(kept, pods.slice(half).map(single), templates))).toEqual(
        outcome(pick(fresh, pods.slice(half).map(single))),
      );
    }),
    { numRuns: 100 },
  );
});

test('a unit is placed whole or not at all, and leaves nothing behind', () => {
  const state = stateOf([aNode('a', { allocatable: { pods: '1' } }), aNode('b', { allocatable: { pods: '1' } })]);
  const pods = ['x', 'y', 'z'].map((name) => aPod(name));
  expect(pick(state, [{ pods }])[0]?.type).toBe('waits');
  expect(pick(state, [{ pods: pods.slice(0, 2) }])[0]?.type).toBe('placed');
});

test('pods that took a resource before anyone offered it count once it is offered', () => {
  const dongle = (name: string) => aPod(name, { requests: [{ 'example.com/dongle': '1' }] });
  const state = stateOf([aNode('a'), aNode('b')], [bound(dongle('early'), 'a')]);
  state.setNode(aNode('a', { allocatable: { 'example.com/dongle': '1' } }));
  expect(pick(state, [single(dongle('late'))])[0]?.type).toBe('waits');
  state.removePod('uid-early');
  expect(pick(state, [single(dongle('late'))])[0]?.type).toBe('placed');
});

test('a node that invents resources costs a bounded number of columns', () => {
  const allocatable = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x.io/r${index}`, '1']));
  const state = stateOf([aNode('a', { allocatable })]);
  expect(state.nodes.columns.size).toBe(256);
  expect(pick(state, [single(aPod('p', { requests: [{ cpu: '1', memory: '1Mi' }] }))])[0]?.type).toBe('placed');
});
