import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';

/** So many connections of one sort, no more: the next is destroyed. Says so in the log at most once in LOG_EVERY_MS. */
export type ConnectionLimit = {
  /** False: over the limit, the connection is destroyed. */
  readonly admit: (connection: Connection, count: number) => boolean;
};

type Connection = { readonly destroy: () => unknown };

const LOG_EVERY_MS = 60_000;

export function createConnectionLimit(max: number, what: string, log: Log, clock: Pick<Clock, 'monotonic'>): ConnectionLimit {
  let loggedMs = -Infinity;
  return {
    admit: (connection, count) => {
      if (count < max) return true;
      connection.destroy();
      const nowMs = clock.monotonic();
      if (nowMs - loggedMs >= LOG_EVERY_MS) {
        loggedMs = nowMs;
        log.warn({ what, max }, 'connections are refused because there are too many');
      }
      return false;
    },
  };
}
