/**
 * One step of a rollout: which ReplicaSet grows or shrinks next (pkg/controller/deployment rolling.go, recreate.go). A step is small, and
 * what it leads to is looked at before the next; the invariants at every step are
 *  - never more pods than replicas + maxSurge are asked for;
 *  - never fewer available than replicas - maxUnavailable because of a step.
 */
import type { Deployment } from '#api/kinds/deployment.ts';
import type { ReplicaSet } from '#api/kinds/replica-set.ts';
import { isRolling, maxSurge, maxUnavailable } from './limits.ts';
import { availableOf, isActive, joined, NO_STEP, oldestFirst, replicasOf, scaleTo, sum, type Step } from './replica-sets.ts';

/** How large the new set may be now; `others` are all sets but the new one. */
export function newSize(deployment: Deployment, current: number, others: readonly ReplicaSet[]): number {
  const { replicas = 1 } = deployment.spec ?? {};
  if (!isRolling(deployment) || current > replicas) return replicas;
  const room = replicas + maxSurge(deployment) - sum(others, replicasOf) - current;
  return room <= 0 ? current : current + Math.min(room, replicas - current);
}

export function rollingStep(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Step {
  const grown = scaleTo(deployment, fresh, newSize(deployment, replicasOf(fresh), old));
  return grown.changes.length > 0 ? grown : shrinkOld(deployment, fresh, old);
}

function shrinkOld(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Step {
  const all = [fresh, ...old];
  const minAvailable = (deployment.spec?.replicas ?? 1) - maxUnavailable(deployment);
  const freshUnavailable = replicasOf(fresh) - availableOf(fresh);
  const removable = sum(all, replicasOf) - minAvailable - freshUnavailable;
  if (sum(old, replicasOf) === 0 || removable <= 0) return NO_STEP;
  // A set's status may still count pods that its new size has already given up.
  const available = (set: ReplicaSet) => Math.min(availableOf(set), replicasOf(set));
  // Pods that are not available do nobody any good: they go first, so that a broken rollout never blocks the one that mends it.
  const sizes = new Map(old.map((set) => [set, replicasOf(set)]));
  const taken = take(old, removable, sizes, (set) => replicasOf(set) - available(set));
  const spare = Math.min(removable - taken, sum(all, available) - minAvailable);
  take(old, spare, sizes, (set) => sizes.get(set) ?? 0);
  return joined(
    old.filter((set) => sizes.get(set) !== replicasOf(set)).map((set) => scaleTo(deployment, set, sizes.get(set) ?? 0)),
  );
}

/** Takes up to `count` pods from the sets, oldest first, no more from each than `most` says; gives back how many it took. */
function take(
  sets: readonly ReplicaSet[],
  count: number,
  sizes: Map<ReplicaSet, number>,
  most: (set: ReplicaSet) => number,
): number {
  let left = count;
  for (const set of sets.toSorted(oldestFirst)) {
    const size = sizes.get(set) ?? 0;
    const taken = Math.max(0, Math.min(left, most(set), size));
    sizes.set(set, size - taken);
    left -= taken;
  }
  return count - left;
}

/** Recreate: everything old goes before anything new comes; `oldPods` counts what is still there of it, going or not. */
export function recreateStep(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  oldPods: number,
): Step | 'create' {
  const shrunk = joined(old.filter(isActive).map((set) => scaleTo(deployment, set, 0)));
  if (shrunk.changes.length > 0 || oldPods > 0) return shrunk;
  return fresh === undefined ? 'create' : scaleTo(deployment, fresh, deployment.spec?.replicas ?? 1);
}
