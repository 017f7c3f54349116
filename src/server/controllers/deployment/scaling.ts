/**
 * A Deployment whose size is changed amid a rollout, or while it is paused: every active ReplicaSet gets its share, so that the rollout
 * goes on from where it was (pkg/controller/deployment sync.go scale).
 */
import type { Deployment } from '#api/kinds/deployment.ts';
import type { ReplicaSet } from '#api/kinds/replica-set.ts';
import { isRolling, maxSurge } from './limits.ts';
import {
  availableOf,
  desiredAnnotation,
  isActive,
  joined,
  maxAnnotation,
  NO_STEP,
  oldestFirst,
  replicasOf,
  scaleTo,
  sum,
  type Step,
} from './replica-sets.ts';

/** The sets were sized for another number of replicas than is wanted now. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const active = sets.filter(isActive);
  // With Recreate two active sets only mean that one is still on its way out.
  if (active.length > 1 && !isRolling(deployment)) return false;
  return active.some((set) => desiredAnnotation(set) !== undefined && desiredAnnotation(set) !== deployment.spec?.replicas);
}

export function scalingStep(deployment: Deployment, fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): Step {
  const replicas = deployment.spec?.replicas ?? 1;
  const sets = [...(fresh === undefined ? [] : [fresh]), ...old];
  const active = sets.filter(isActive);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (fresh ?? old.toSorted(oldestFirst).at(-1)) : undefined;
  if (only !== undefined) return scaleTo(deployment, only, replicas);
  if (fresh !== undefined && isSaturated(fresh, replicas))
    return joined(old.filter(isActive).map((set) => scaleTo(deployment, set, 0)));
  return isRolling(deployment) ? proportional(deployment, active, replicas) : NO_STEP;
}

function isSaturated(set: ReplicaSet, replicas: number): boolean {
  return replicasOf(set) === replicas && desiredAnnotation(set) === replicas && availableOf(set) === replicas;
}

/** Larger sets first, for rounding is then least felt; what rounding leaves over goes to the largest. */
function proportional(deployment: Deployment, active: readonly ReplicaSet[], replicas: number): Step {
  const allowed = replicas === 0 ? 0 : replicas + maxSurge(deployment);
  const change = allowed - sum(active, replicasOf);
  const ordered = active.toSorted(
    (a, b) => replicasOf(b) - replicasOf(a) || (change > 0 ? oldestFirst(b, a) : oldestFirst(a, b)),
  );
  let done = 0;
  const sizes = ordered.map((set) => {
    const share = change === 0 ? 0 : shareOf(deployment, set, change - done);
    done += share;
    return { set, size: replicasOf(set) + share };
  });
  return joined(
    sizes.map(({ set, size }, index) => scaleTo(deployment, set, Math.max(0, index === 0 ? size + change - done : size))),
  );
}

/** What the set would have had, had it been made for the new size; no more than is left to give or take. */
function shareOf(deployment: Deployment, set: ReplicaSet, left: number): number {
  const { replicas = 1 } = deployment.spec ?? {};
  if (replicas === 0) return Math.max(-replicasOf(set), left);
  const sizedFor = maxAnnotation(set) || deployment.status?.replicas || replicas;
  const share = Math.round((replicasOf(set) * (replicas + maxSurge(deployment))) / sizedFor) - replicasOf(set);
  return left > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
}
