import { exactlyEqual } from '#api/equal.ts';
import { DNS_ADDRESS, DNS_PORT, DNS_TCP_PORT } from '#net/dns/address.ts';
import { createDnsServer } from '#net/dns/dns-server.ts';
import type { Upstream } from '#net/dns/exchange.ts';
import { ensureOwnAddress } from '#net/wire/own-address.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { clusterNames } from '../plan/items.ts';
import type { ServiceViews } from '../services/service-keeper.ts';
import { HOST_FILES, readHostResolver, type HostFiles } from './host-resolver.ts';
import { createNameSets } from './name-sets.ts';
import { createNameNews } from './name-news.ts';

/** The node's name server: names of the cluster out of the view of its services, the node's own resolvers for all others. */
export type Names = {
  /** It answers when this resolves, or will as soon as it can: containers that start then find it. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** The network has come up. */
  readonly retryNow: () => void;
};

export type NamesOptions = {
  readonly node: string;
  readonly services: ServiceViews;
  readonly ledger: Pick<Ledger, 'documents' | 'onDocuments' | 'commit'>;
  readonly files?: HostFiles;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'bytes' | 'random' | 'suffix'>;
  readonly log: Log;
};

/** How often the files are looked at: they are replaced, linked and mounted over in more ways than can be listened for. */
const LOOK_MS = 3_000;
/** As many as libc's resolver asks. */
const UPSTREAMS_MAX = 3;
const KEY = 'resolvers';

export function createNames(options: NamesOptions): Names {
  const { services, ledger, node, clock, ids, log, files = HOST_FILES } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const nameSet = createNameSets();
  const news = createNameNews({ node, ledger, clock, log });
  let looking: Runner | undefined;
  let endings: readonly (() => void)[] = [];
  const server = createDnsServer({
    address: DNS_ADDRESS,
    udpPort: DNS_PORT,
    tcpPort: DNS_TCP_PORT,
    ensureAddress: (abort) => ensureOwnAddress(DNS_ADDRESS, abort),
    onResolvers: news.resolvers,
    onListening: news.listening,
    onOverdrawn: news.overdrawn,
    clock,
    ids,
    log,
  });

  let cluster = clusterNames(ledger.documents());
  const renew = () => server.serve(nameSet(services.view(), cluster));
  const renewCluster = () => {
    const now = clusterNames(ledger.documents());
    if (exactlyEqual(now, cluster)) return;
    cluster = now;
    renew();
  };

  const look = async (): Promise<number> => {
    const { nameservers } = await readHostResolver(files);
    news.asked(nameservers);
    server.forwardTo(upstreamsOf(nameservers));
    return LOOK_MS;
  };

  return {
    start: async () => {
      cluster = clusterNames(ledger.documents());
      renew();
      endings = [ledger.onDocuments(renewCluster), services.onView(renew)];
      const started = server.start();
      looking = createRunner({ name: KEY, run: look, keys: () => [KEY], clock, ids, log }, signal);
      await started;
    },
    stop: async () => {
      for (const end of endings) end();
      stopping.abort();
      news.stop();
      await Promise.all([server.stop(), looking?.done]);
    },
    retryNow: server.retryNow,
  };
}

/** Never itself: a node whose own resolver is this one passes nothing on. */
function upstreamsOf(nameservers: readonly string[]): readonly Upstream[] {
  const others = [...new Set(nameservers)].filter((address) => address !== DNS_ADDRESS);
  return others.slice(0, UPSTREAMS_MAX).map((address) => ({ address, port: DNS_PORT }));
}
