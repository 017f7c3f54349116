/** Questions about a pod's lifecycle that many parts ask: terminal, ready, available, deleted. No status is computed here. */
import { parseTime } from '#lib/time.ts';
import type { Container, Pod, PodCondition } from '../../generated/types.ts';
import { findCondition, isConditionTrue } from '../conditions.ts';

/** Its containers have ended and will not be started again. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Neither ended nor being deleted: what a controller counts. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && !isTerminating(pod);
}

export function isPodReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, 'Ready');
}

/** Ready, and for at least minReadySeconds. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return availableAt(pod, minReadySeconds, now) <= now;
}

/** A pod that claims to be ready since later than this from now became so before the wall clock went back. */
const FUTURE_MS_MAX = 60_000;

/** When it becomes available, in ms since the epoch, if it stays ready; Infinity where it is not ready. */
export function availableAt(pod: Pod, minReadySeconds: number, now: number): number {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return Number.POSITIVE_INFINITY;
  if (minReadySeconds === 0) return Number.NEGATIVE_INFINITY;
  const since = parseTime(ready.lastTransitionTime);
  if (since === undefined) return Number.POSITIVE_INFINITY;
  return since - now > FUTURE_MS_MAX ? Number.NEGATIVE_INFINITY : since + minReadySeconds * 1000;
}

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return findCondition(pod.status?.conditions, type);
}

/** A sidecar: an init container that keeps running beside the containers. */
export function isRestartableInit(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

/**
 * Seconds between a delete and the removal (pkg/registry/core/pod CheckGracefulDelete): what was asked, else what the spec says;
 * none for a pod that no node has or that has ended; a negative request is 1.
 */
export function podGracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  if ((pod.spec?.nodeName ?? '') === '' || isTerminal(pod)) return 0;
  const seconds = requested ?? pod.spec?.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}
