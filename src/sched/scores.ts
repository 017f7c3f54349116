/**
 * How good a node is for a pod: one readable list of weighted terms from 0 to 100 each (weights as upstream's default plugins).
 * Scores are absolute: a node's score does not depend on which other nodes there are, so that a kept score stays right.
 */
import { preferredAffinityWeight, tolerates } from '#api/kinds/pod.ts';
import type { NodeFacts, NodeTable } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';

const BEST = 100;
const WEIGHT = { leastAllocated: 1, balanced: 1, spread: 2, nodeAffinity: 2, taintToleration: 3 };

/** What the pod's template and the node's spec decide: kept until the node changes. */
export function specScore(pod: PodFacts, node: NodeFacts): number {
  return WEIGHT.nodeAffinity * preferredAffinity(pod, node) + WEIGHT.taintToleration * preferredTaints(pod, node);
}

/** What other pods decide; `ownersPods`: how many pods of the same owner are there already. Written without a call per term: it runs for every node. */
export function roomScore(pod: PodFacts, nodes: NodeTable, slot: number, ownersPods: number): number {
  const cpu = portion((nodes.scoreCpu[slot] ?? 0) + pod.scoreCpu, nodes.perCpu[slot] ?? 0);
  const memory = portion((nodes.scoreMemory[slot] ?? 0) + pod.scoreMemory, nodes.perMemory[slot] ?? 0);
  return (
    WEIGHT.leastAllocated * BEST * (1 - (cpu + memory) / 2) +
    WEIGHT.balanced * BEST * (1 - Math.abs(cpu - memory) / 2) +
    WEIGHT.spread * (BEST / (1 + ownersPods))
  );
}

/** Of 1: a node without any counts as full. */
function portion(used: number, perUnit: number): number {
  return perUnit === 0 ? 1 : Math.min(1, used * perUnit);
}

/** The portion of the pod's wishes, by weight, that the node fulfils. */
function preferredAffinity({ pod }: PodFacts, node: NodeFacts): number {
  const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const whole = terms.reduce((sum, { weight }) => sum + weight, 0);
  return pod.spec === undefined || whole <= 0 ? 0 : (BEST * preferredAffinityWeight(pod.spec, node)) / whole;
}

/** Halved by the first PreferNoSchedule taint that is not tolerated, a third left by two, and so on. */
function preferredTaints({ pod }: PodFacts, { taints }: NodeFacts): number {
  const tolerations = pod.spec?.tolerations ?? [];
  const disliked = taints.filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return BEST / (1 + disliked.length);
}
