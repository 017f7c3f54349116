/**
 * How good a node is for a pod: one readable list of weighted terms from 0 to 100 each (weights as upstream's default plugins).
 * Scores are absolute: a node's score does not depend on which other nodes there are, so that a kept score stays right.
 */
import { preferredAffinityWeight, tolerates } from '#api/kinds/pod.ts';
import type { NodeFacts } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';

const BEST = 100;
const WEIGHT = { room: 1, spread: 2, nodeAffinity: 2, taintToleration: 3 };

/** What the pod's template and the node's spec decide: kept until the node changes. */
export function specScore(pod: PodFacts, node: NodeFacts): number {
  return WEIGHT.nodeAffinity * preferredAffinity(pod, node) + WEIGHT.taintToleration * preferredTaints(pod, node);
}

/**
 * What other pods decide, for a node of which `cpu` and `memory` (portions of 1, this pod included) would be used, and which has
 * `siblings` pods of the same owner. Plain numbers in and out: it is asked for every node.
 */
export function roomScore(cpu: number, memory: number, siblings: number): number {
  // The larger portion: upstream's LeastAllocated and BalancedAllocation, summed, are 2 - max(cpu, memory).
  return WEIGHT.room * BEST * (1 - Math.min(1, Math.max(cpu, memory))) + (WEIGHT.spread * BEST) / (1 + siblings);
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
