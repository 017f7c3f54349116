import { canonicalText } from '#api/link/canonical-text.ts';
import type { PeerItem } from '#api/link/items.ts';
import { sleep, type Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { LanRoute, LanRoutes } from '#net/routes/lan-routes.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { PeerPath } from '../services/service-model.ts';
import { isSettled, planPaths, whomToAsk } from './plan-paths.ts';

/**
 * Keeps the ways to this node's peers: asks for them, routes their pods, and tells which are there. Now and then while all is well, more often while a peer
 * does not answer, and at once when the documents, the machine's own addresses or our routes change: others flush them (systemd-networkd does as it starts).
 */
export type PeerWatchOptions = {
  readonly ledger: Pick<Ledger, 'documents' | 'onDocuments'>;
  readonly routes: LanRoutes;
  /** This machine's addresses and ways out, as a text: cheap to ask. */
  readonly ownAddresses: () => string;
  readonly found: (paths: ReadonlyMap<string, PeerPath>) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type PeerWatch = {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly look: () => void;
};

const WELL_MS = 15_000;
const MISSING_MS = 5_000;
/** How often it is seen whether this machine's addresses or our routes have changed. */
const GLANCE_MS = 2_000;
/** An interface that is down refuses routes: it is tried again soon, for it may be up by then. */
const BACKOFF_MS_MAX = 5_000;
/** ARP gives up after three seconds. */
const SETTLE_MS_MAX = 3_500;
const SETTLE_LOOK_MS = 150;
/** Others' settling takes this long as a rule; a first look earlier costs little. */
const FIRST_LOOK_MS = 50;
const KEY = 'peers';
const PERIOD_MS = 24 * 3_600_000;

export function createPeerWatch({ ledger, routes, ownAddresses, found, clock, ids, log }: PeerWatchOptions): PeerWatch {
  const stopping = new AbortController();
  const { signal } = stopping;
  let runner: Runner | undefined;
  let stopListening = (): void => undefined;
  let nextMs = Number.NEGATIVE_INFINITY;
  let before = '';
  /** Our routes as the last round wanted them: what others do meanwhile is seen at the next glance. */
  let wanted = '';
  let paths: ReadonlyMap<string, PeerPath> = new Map();

  const peersNow = (): readonly PeerItem[] =>
    [...ledger.documents().items.values()].flatMap(({ key, item }) =>
      key.startsWith('peers/') && item.kind === 'Peer' ? [item] : [],
    );

  const round = async (peers: readonly PeerItem[]): Promise<void> => {
    let look = await routes.look(signal);
    if (peers.length === 0 && look.routes.length === 0) {
      wanted = textOf([]);
      tell(new Map());
      return;
    }
    const asked = whomToAsk(peers, look);
    await routes.ask(asked, signal);
    const sinceMs = clock.monotonic();
    let waitMs = FIRST_LOOK_MS;
    do {
      await sleep(clock, waitMs, signal);
      waitMs = SETTLE_LOOK_MS;
      look = await routes.look(signal);
    } while (!isSettled(asked, look) && clock.monotonic() - sinceMs < SETTLE_MS_MAX && !signal.aborted);
    const plan = planPaths(peers, asked, look);
    if (plan.gone.length + plan.made.length > 0) {
      log.info({ gone: plan.gone, made: plan.made }, 'ways to other nodes have changed');
      await routes.change(plan.gone, plan.made, signal);
    }
    wanted = textOf(plan.routes);
    tell(plan.paths);
  };

  /** One silence of a peer that was there may be the air's; two are its own. */
  const tell = (now: ReadonlyMap<string, PeerPath>) => {
    paths = new Map([...now].map(([node, path]) => [node, path === 'none' && paths.get(node) === 'found' ? 'unknown' : path]));
    found(paths);
  };

  /** Without peers, and nothing of ours standing, nothing is asked. */
  const run = async (): Promise<number> => {
    const peers = peersNow();
    const text = canonicalText([peers, ownAddresses()]);
    if (text !== before || clock.monotonic() >= nextMs || textOf(await routes.glance()) !== wanted) {
      // What fails is done again.
      nextMs = Number.NEGATIVE_INFINITY;
      before = text;
      await round(peers);
      const isWell = [...paths.values()].every((path) => path === 'found');
      nextMs = clock.monotonic() + (isWell ? WELL_MS : MISSING_MS) * (0.9 + ids.random() * 0.2);
    }
    return GLANCE_MS;
  };

  return {
    start: () => {
      runner ??= createRunner(
        { name: KEY, run, keys: () => [KEY], periodMs: PERIOD_MS, backoffMsMax: BACKOFF_MS_MAX, clock, ids, log },
        signal,
      );
      stopListening = ledger.onDocuments(() => runner?.signal(KEY));
    },
    stop: async () => {
      stopListening();
      stopping.abort();
      await runner?.done;
    },
    look: () => {
      nextMs = Number.NEGATIVE_INFINITY;
      runner?.signal(KEY);
    },
  };
}

function textOf(routes: readonly LanRoute[]): string {
  return routes
    .map(({ cidr, via, device }) => `${cidr} via ${via} dev ${device}`)
    .sort()
    .join();
}
