import type { Ids } from '#lib/ids.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Connections } from '../node/connections.ts';
import { createNodeTrouble, type NodeTroubleOptions } from '../node-trouble.ts';

/**
 * Tells where the kernel's table of connections is full: then new connections are dropped, whoever begins them, and nothing else says why. It mends nothing: how large the table may be
 * is the operator's to say, and it empties by itself.
 */
export type ConnectionWatch = { readonly start: () => void; readonly stop: () => Promise<void> };

export type ConnectionWatchOptions = NodeTroubleOptions & {
  readonly read: () => Promise<Connections | undefined>;
  readonly ids: Pick<Ids, 'random'>;
};

export const CONNECTIONS_LOOK_MS = 8_000;
const KEY = 'connections';
/** A full one has some room now and then, as entries expire. */
const FULL = 0.98;
const WELL = 0.9;

export function createConnectionWatch(options: ConnectionWatchOptions): ConnectionWatch {
  const { read, clock, ids, log } = options;
  const stopping = new AbortController();
  const news = createNodeTrouble(options, {
    healed: 'ConntrackReady',
    wrong: 'new connections are dropped',
    right: 'new connections are taken again',
  });
  let runner: Runner | undefined;

  const look = async (): Promise<number> => {
    const { used, max } = (await read()) ?? { used: 0, max: 1 };
    if (used >= max * FULL) news.trouble({ reason: 'ConntrackFull', message: messageOf(used, max) });
    else if (used < max * WELL) news.well(`The kernel's table of connections has room again (${used} of ${max})`);
    return CONNECTIONS_LOOK_MS;
  };

  return {
    start: () => {
      runner ??= createRunner({ name: KEY, run: look, keys: () => [KEY], clock, ids, log }, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      news.stop();
      await runner?.done;
    },
  };
}

function messageOf(used: number, max: number): string {
  return (
    `The kernel's table of connections is full (${used} of ${max}): new connections from pods and to services are dropped, open ones go on, and names of the cluster are still resolved. ` +
    `See who opens so many (conntrack -L), or make it larger: sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`
  );
}
