import { sleep, type Clock } from '#lib/clock.ts';
import { hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { Identity } from './identity.ts';
import { backoffMs } from './link/backoff.ts';

/**
 * A board is often up before its uplink is, and a fleet joins all at once: a server that can not be reached, or can not take the join just now, is tried
 * again, with the link's back-off, until it does. Whatever else a server says is final.
 */
export type FirstJoinOptions = {
  readonly keepaliveMs: number;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
  readonly onWaiting?: () => void;
};

/** Conflict: another join of this name is going on, our own of a moment ago as a rule. */
const FOR_LATER = ['Unreachable', 'TooManyRequests', 'ServiceUnavailable', 'Conflict'] as const;

/** Rejects as `join` does, but for what is only a matter of time; with Aborted once `signal` is. */
export async function joinOnceReachable(
  join: () => Promise<Identity>,
  { keepaliveMs, clock, ids, log, onWaiting }: FirstJoinOptions,
  signal: AbortSignal,
): Promise<Identity> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await join();
    } catch (error) {
      if (!hasCode(error, ...FOR_LATER) || signal.aborted) throw error;
      const waitMs = backoffMs({ failures, keepaliveMs, refused: false }, ids.random());
      // Said once: it may stay away for days.
      if (failures === 1) log.warn({ err: error }, 'the server can not be joined yet; trying again until it can');
      else log.debug({ err: error, failures, waitMs: Math.round(waitMs) }, 'the server can not be joined yet');
      if (failures === 1) onWaiting?.();
      await sleep(clock, waitMs, signal);
    }
  }
}
