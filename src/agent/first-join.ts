import { sleep, type Clock } from '#lib/clock.ts';
import { hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { Identity } from './identity.ts';
import { backoffMs } from './link/backoff.ts';

/**
 * A board is often up before its uplink is: a server that can not be reached is tried again, with the link's back-off, until it is. What a
 * server that answers says is final.
 */
export type FirstJoinOptions = {
  readonly keepaliveMs: number;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

/** Rejects as `join` does, but for Unreachable; with Aborted once `signal` is. */
export async function joinOnceReachable(
  join: () => Promise<Identity>,
  { keepaliveMs, clock, ids, log }: FirstJoinOptions,
  signal: AbortSignal,
): Promise<Identity> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await join();
    } catch (error) {
      if (!hasCode(error, 'Unreachable') || signal.aborted) throw error;
      const waitMs = backoffMs({ failures, keepaliveMs, refused: false }, ids.random());
      // Said once: it may stay away for days.
      if (failures === 1) log.warn({ err: error }, 'the server to join can not be reached; trying again until it is');
      else log.debug({ err: error, failures, waitMs: Math.round(waitMs) }, 'the server to join can not be reached');
      await sleep(clock, waitMs, signal);
    }
  }
}
