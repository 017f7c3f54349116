import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';

/**
 * Notices that the node has a new way out (a cable, a lease, a modem), so that a link which waits out its back-off need not. It only looks, and only often
 * while the link is down: Node hears no netlink, and a board with a link has better things to do.
 */
export type NetworkWatchOptions = {
  /** The node's ways out, each as a text: addresses that lead elsewhere, default routes. */
  readonly waysOut: () => Promise<readonly string[]>;
  /** The link is down. */
  readonly isCut: () => boolean;
  readonly cameUp: () => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type NetworkWatch = { readonly start: () => void; readonly stop: () => Promise<void> };

/** With a tenth of jitter, on top of the boards' differing starts: a site that comes back does not come back as one. */
export const LOOK_MS = 2_000;
export const LOOK_CONNECTED_MS = 30_000;
const KEY = 'network';
/** The loop needs no periodic pass: each run gives the time of the next. */
const PERIOD_MS = 24 * 3_600_000;

export function createNetworkWatch({ waysOut, isCut, cameUp, clock, ids, log }: NetworkWatchOptions): NetworkWatch {
  const stopping = new AbortController();
  let runner: Runner | undefined;
  let known: ReadonlySet<string> | undefined;

  const look = async (): Promise<number> => {
    const found = await waysOut();
    const added = known === undefined ? [] : found.filter((way) => known?.has(way) === false);
    known = new Set(found);
    if (!isCut()) return LOOK_CONNECTED_MS;
    if (added.length > 0) {
      log.info({ added }, 'the network has come up; the link is tried at once');
      cameUp();
    }
    return LOOK_MS * (0.9 + ids.random() * 0.2);
  };

  return {
    start: () => {
      runner ??= createRunner({ name: KEY, run: look, keys: () => [KEY], periodMs: PERIOD_MS, clock, ids, log }, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await runner?.done;
    },
  };
}
