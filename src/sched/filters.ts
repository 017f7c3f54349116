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
 * A room filter looks at what other pods use: it is asked each time, for all nodes at once.
 */
export type SpecFilter = { readonly name: string; readonly reject: (pod: PodFacts, node: NodeFacts) => Rejection | undefined };
export type RoomFilter = {
  readonly name: string;
  /** Why this one node has no room; empty: it has. */
  readonly reject: (pod: PodFacts, nodes: NodeTable, slot: number) => readonly Rejection[];
  /** Sets `open` to 0 for every slot that `reject` would reject. */
  readonly strike: (pod: PodFacts, nodes: NodeTable, open: Uint8Array) => void;
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
  reject: ({ hostPorts }, nodes, slot) =>
    hostPorts.some((wanted) => clashes(wanted, nodes.ipsBySlot(wanted.port)?.get(slot) ?? [])) ? [PORTS_TAKEN] : [],
  strike: ({ hostPorts }, nodes, open) => {
    for (const wanted of hostPorts)
      for (const [slot, ips] of nodes.ipsBySlot(wanted.port) ?? []) if (clashes(wanted, ips)) open[slot] = 0;
  },
};

const nodeResourcesFit: RoomFilter = {
  name: 'NodeResourcesFit',
  reject: ({ requests }, { columns }, slot) =>
    requests.flatMap(({ resource, amount }) => {
      const { allocatable = NOTHING, free = NOTHING } = columns.get(resource) ?? {};
      if (amount <= (free[slot] ?? 0)) return [];
      const reason = resource === 'pods' ? 'Too many pods' : `Insufficient ${resource}`;
      return [{ reason, final: amount > (allocatable[slot] ?? 0) }];
    }),
  strike: ({ requests }, { columns }, open) => {
    // Nearly every pod asks for these three, so they share one walk. What is not asked for fits everywhere, over-committed nodes too.
    const wanted = (name: string) => requests.find(({ resource }) => resource === name)?.amount ?? Number.NEGATIVE_INFINITY;
    const free = (name: string) => columns.get(name)?.free ?? NOTHING;
    const [pods, cpu, memory] = [free('pods'), free('cpu'), free('memory')];
    const [podsWanted, cpuWanted, memoryWanted] = [wanted('pods'), wanted('cpu'), wanted('memory')];
    for (let slot = 0; slot < open.length; slot += 1)
      if (podsWanted > (pods[slot] ?? 0) || cpuWanted > (cpu[slot] ?? 0) || memoryWanted > (memory[slot] ?? 0)) open[slot] = 0;
    for (const { resource, amount } of requests) {
      if (COMMON.has(resource)) continue;
      const left = free(resource);
      for (let slot = 0; slot < open.length; slot += 1) if (amount > (left[slot] ?? 0)) open[slot] = 0;
    }
  },
};

/** The order is upstream's: it decides which reason is told. */
export const FILTERS = {
  spec: [nodeUnschedulable, nodeName, taintToleration, nodeAffinity],
  room: [nodePorts, nodeResourcesFit],
} as const satisfies { readonly spec: readonly SpecFilter[]; readonly room: readonly RoomFilter[] };

const NOTHING = new Float64Array();
const COMMON: ReadonlySet<string> = new Set(['pods', 'cpu', 'memory']);
const CORDON = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };
const UNSCHEDULABLE: Rejection = { reason: 'node(s) were unschedulable', final: true };
const OTHER_NAME: Rejection = { reason: "node(s) didn't match the requested node name", final: true };
const TAINTED: Rejection = { reason: 'node(s) had untolerated taint(s)', final: true };
const NO_AFFINITY: Rejection = { reason: "node(s) didn't match Pod's node affinity/selector", final: true };
const PORTS_TAKEN: Rejection = { reason: "node(s) didn't have free ports for the requested pod ports", final: false };
/** For nodes that a pod's affinity by name leaves out without looking at them. */
export const NOT_NAMED: Rejection = { reason: "node(s) didn't satisfy plugin(s) [NodeAffinity]", final: true };
