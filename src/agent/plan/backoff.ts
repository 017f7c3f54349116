import type { Backoff, ContainerMemory } from '../memory.ts';

/**
 * CrashLoopBackOff as upstream's kubelet counts it: the first restart is at once, then 10 s, 20 s … 5 min after each death, and ten minutes
 * without a restart begin anew. Kept in the ledger in running time, so that neither an agent restart nor a jump of the clock changes it.
 */
export const CRASH_BACKOFF_MS_MIN = 10_000;
export const CRASH_BACKOFF_MS_MAX = 300_000;
const FORGOTTEN_AFTER_MS = 2 * CRASH_BACKOFF_MS_MAX;
export const PULL_BACKOFF_MS_MIN = 10_000;
export const PULL_BACKOFF_MS_MAX = 300_000;
/** A step that failed (a missing ConfigMap, an engine that refuses) is tried again after this, doubling up to the most. */
export const STEP_BACKOFF_MS_MIN = 2_000;
export const STEP_BACKOFF_MS_MAX = 60_000;

/** Milliseconds until a dead container may be started again; 0 if it may be now. */
export function crashWaitMs(memory: ContainerMemory, nowMs: number): number {
  const { backoff, diedMs = nowMs, exit } = memory;
  if (backoff === undefined || exit?.lost === true) return 0;
  if (diedMs - backoff.atMs > FORGOTTEN_AFTER_MS) return 0;
  return Math.max(0, diedMs + backoff.delayMs - nowMs);
}

/** What to remember when a dead container is started again. A death that was not its own leaves the count alone. */
export function nextBackoff(memory: ContainerMemory, nowMs: number): Backoff | undefined {
  const { backoff, exit, diedMs = nowMs } = memory;
  if (exit?.lost === true) return backoff;
  if (backoff === undefined || diedMs - backoff.atMs > FORGOTTEN_AFTER_MS) return { delayMs: CRASH_BACKOFF_MS_MIN, atMs: nowMs };
  return { delayMs: Math.min(CRASH_BACKOFF_MS_MAX, backoff.delayMs * 2), atMs: nowMs };
}

/** Milliseconds from the n-th failure on, doubling. */
export function doublingMs(failures: number, leastMs: number, mostMs: number): number {
  return Math.min(mostMs, leastMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
}

/** As Go prints a duration: `10s`, `1m20s`, `5m0s`. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
