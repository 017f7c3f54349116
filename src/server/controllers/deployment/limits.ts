/** How far a rollout may go: maxSurge rounded up, maxUnavailable rounded down, and never both zero (deploymentutil.ResolveFenceposts). */
import type { Deployment } from '#api/kinds/deployment.ts';
import { countOf } from '../portion.ts';

/** How many pods more than wanted there may be. */
export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? fenceposts(deployment).surge : 0;
}

/** How many of the wanted pods may be unavailable. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = deployment.spec?.replicas ?? 1;
  return isRolling(deployment) ? Math.min(fenceposts(deployment).unavailable, replicas) : 0;
}

export function isRolling({ spec }: Deployment): boolean {
  return spec?.strategy?.type !== 'Recreate';
}

function fenceposts({ spec }: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { replicas = 1, strategy } = spec ?? {};
  const surge = countOf(strategy?.rollingUpdate?.maxSurge, replicas, 'up');
  const unavailable = countOf(strategy?.rollingUpdate?.maxUnavailable, replicas, 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}
