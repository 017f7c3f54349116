/**
 * Which nodes can take a pod: one readable list, in order. Each filter explains itself in upstream's words
 * (pkg/scheduler/framework/plugins), for its reasons become the pod's event. To add one: write it, put it into FILTERS.
 */
import { matchesRequiredAffinity, tolerates, untolerated } from '#api/kinds/pod.ts';
import { TAINT_UNSCHEDULABLE } from '#api/kinds/node.ts';
import type { NodeFacts, NodeTable } from './node-table.ts';
import { clashes, type PodFacts } from './pod-facts.ts';

/** `final`: the pod could not run there even if the node were empty, so that no preemption helps. */
export type Rejection = { readonly reason: string; readonly final: boolean };

/**
 * A spec filter looks at what the pod's template and the node's spec say: its answers are kept until the node changes.
 * A room filter looks at what other pods use: it is asked each time.
 */
export type SpecFilter = { readonly name: string; readonly reject: (pod: PodFacts, node: NodeFacts) => Rejection | undefined };
export type RoomFilter = {
  readonly name: string;
  readonly passes: (pod: PodFacts, nodes: NodeTable, slot: number) => boolean;
  /** Asked only where it does not pass. */
  readonly explain: (pod: PodFacts, nodes: NodeTable, slot: number) => readonly Rejection[];
};

const nodeUnschedulable: SpecFilter = {
  name: 'NodeUnschedulable',
  reject: ({ pod }, { unschedulable }) => {
    const tolerated = pod.spec?.tolerations?.some((toleration) => tolerates(toleration, CORDON)) === true;
    return unschedulable && !tolerated ? UNSCHEDULABLE : undefined;
  },
};

const nodeName: SpecFilter = {
  name: 'NodeName',
  reject: ({ pod }, { name }) => {
    const wanted = pod.spec?.nodeName ?? '';
    return wanted !== '' && wanted !== name ? OTHER_NAME : undefined;
  },
};

const taintToleration: SpecFilter = {
  name: 'TaintToleration',
  reject: ({ pod }, { taints }) =>
    untolerated(taints, pod.spec?.tolerations, ['NoSchedule', 'NoExecute']) === undefined ? undefined : TAINTED,
};

const nodeAffinity: SpecFilter = {
  name: 'NodeAffinity',
  reject: ({ pod }, node) => (pod.spec === undefined || matchesRequiredAffinity(pod.spec, node) ? undefined : NO_AFFINITY),
};

const nodePorts: RoomFilter = {
  name: 'NodePorts',
  passes: ({ hostPorts }, nodes, slot) => hostPorts.every((wanted) => !clashes(wanted, nodes.ipsInUse(slot, wanted.port))),
  explain: () => [PORTS_TAKEN],
};

const nodeResourcesFit: RoomFilter = {
  name: 'NodeResourcesFit',
  passes: ({ requests }, { columns }, slot) => {
    for (const { resource, amount } of requests) {
      const column = columns.get(resource);
      if (column === undefined || (column.used[slot] ?? 0) + amount > (column.allocatable[slot] ?? 0)) return false;
    }
    return true;
  },
  explain: ({ requests }, { columns }, slot) =>
    requests.flatMap(({ resource, amount }) => {
      const allocatable = columns.get(resource)?.allocatable[slot] ?? 0;
      const used = columns.get(resource)?.used[slot] ?? 0;
      if (used + amount <= allocatable) return [];
      const reason = resource === 'pods' ? 'Too many pods' : `Insufficient ${resource}`;
      return [{ reason, final: amount > allocatable }];
    }),
};

/** Resources before ports would be quicker; upstream's order decides which reason is told. */
export const FILTERS = {
  spec: [nodeUnschedulable, nodeName, taintToleration, nodeAffinity],
  room: [nodePorts, nodeResourcesFit],
} as const satisfies { readonly spec: readonly SpecFilter[]; readonly room: readonly RoomFilter[] };

const CORDON = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };
const UNSCHEDULABLE: Rejection = { reason: 'node(s) were unschedulable', final: true };
const OTHER_NAME: Rejection = { reason: "node(s) didn't match the requested node name", final: true };
const TAINTED: Rejection = { reason: 'node(s) had untolerated taint(s)', final: true };
const NO_AFFINITY: Rejection = { reason: "node(s) didn't match Pod's node affinity/selector", final: true };
const PORTS_TAKEN: Rejection = { reason: "node(s) didn't have free ports for the requested pod ports", final: false };
/** For nodes that a pod's affinity by name leaves out without looking at them. */
export const NOT_NAMED: Rejection = { reason: "node(s) didn't satisfy plugin(s) [NodeAffinity]", final: true };
