/**
 * Why a pod found no node, as upstream's FitError says it (pkg/scheduler/framework/types.go): how many nodes gave each reason, then what
 * preemption could do. A node counts for the first filter that rejects it.
 */
import { FILTERS, NOT_NAMED, type Rejection } from './filters.ts';
import type { PodFacts } from './pod-facts.ts';
import type { SchedulerState } from './state.ts';

const NO_NODES = 'no nodes available to schedule pods';
const NOT_ELIGIBLE = 'preemption: not eligible due to preemptionPolicy=Never.';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';

export function explainUnplaced({ nodes }: SchedulerState, pod: PodFacts): string {
  if (nodes.size === 0) return NO_NODES;
  const reasons = new Map<string, number>();
  const preemption = new Map<string, number>();
  for (const [name, slot] of nodes.slots) {
    const rejections = pod.pinned?.includes(name) === false ? [NOT_NAMED] : rejectionsOf(pod, nodes, slot);
    for (const { reason } of rejections) count(reasons, reason);
    count(preemption, rejections.some(({ final }) => final) ? NOT_HELPFUL : NO_VICTIMS);
  }
  const head = `0/${nodes.size} nodes are available:`;
  const tail = pod.pod.spec?.preemptionPolicy === 'Never' ? NOT_ELIGIBLE : `preemption: ${head} ${listed(preemption)}.`;
  return `${head} ${listed(reasons)}. ${tail}`;
}

/** Of the first filter that rejects the node; empty: it would take the pod. */
export function rejectionsOf(pod: PodFacts, nodes: SchedulerState['nodes'], slot: number): readonly Rejection[] {
  const node = nodes.facts[slot];
  if (node === undefined) return [];
  for (const { reject } of FILTERS.spec) {
    const rejection = reject(pod, node);
    if (rejection !== undefined) return [rejection];
  }
  for (const { reject } of FILTERS.room) {
    const rejections = reject(pod, nodes, slot);
    if (rejections.length > 0) return rejections;
  }
  return [];
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

/** Sorted as text, number first, as upstream does. */
function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, nodes]) => `${nodes} ${reason}`)
    .toSorted()
    .join(', ');
}
