import { parseTime, rfc3339 } from '#lib/time.ts';

/** Times that nodes tell, as the server would have told them: clocks of nodes may be years off. Pure. */
export type Clocks = {
  /** Server time minus the node's, when it said hello. */
  readonly clockOffsetMs: number;
  readonly nowMs: number;
};

/** A node's clock that is less wrong than this is taken as right. */
export const CLOCK_SLACK_MS = 60_000;

/** In ms since the epoch; never later than now. What can not be read is now. */
export function serverTimeOf(told: string, { clockOffsetMs, nowMs }: Clocks): number {
  const ms = parseTime(told);
  if (ms === undefined) return nowMs;
  return Math.min(nowMs, Math.abs(clockOffsetMs) > CLOCK_SLACK_MS ? ms + clockOffsetMs : ms);
}

/**
 * When a condition of a pod changed. It is what minReadySeconds counts from, so it is never before the pod was made, nor ahead of now. The same
 * transition told again, with an offset measured anew, stays at its time: `known`.
 */
export function transitionTime(told: string, created: string | undefined, known: string | undefined, clocks: Clocks): string {
  const ms = Math.max(serverTimeOf(told, clocks), parseTime(created) ?? Number.NEGATIVE_INFINITY);
  if (ms === parseTime(told)) return told;
  const knownMs = parseTime(known);
  return known !== undefined && knownMs !== undefined && Math.abs(knownMs - ms) <= CLOCK_SLACK_MS ? known : rfc3339(ms);
}
