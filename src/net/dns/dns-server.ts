import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { createClientBudgets, type Overdrawn } from './client-budgets.ts';
import { createExchange, type Upstream } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { Listener } from './listener.ts';
import { ROOT_KEY, type NameKey } from './name.ts';
import type { NameSet } from './record.ts';
import { RecordIndex } from './record-index.ts';
import { createResponder } from './responder.ts';
import { Upstreams, probeName, type ResolverHealth } from './upstreams.ts';
import { TYPE } from './wire.ts';

/** A name server for one node: answers from the names it was given last, and asks the node's resolvers for all others. Which names, and which resolvers, others decide. */
export type DnsServer = {
  /** Begins to listen; resolves once it does, or after START_MS_MAX: it goes on trying. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** From now on these are all there are. */
  readonly serve: (names: NameSet) => void;
  readonly forwardTo: (upstreams: readonly Upstream[]) => void;
  /** The network may have come up: whoever was silent is asked at once. */
  readonly retryNow: () => void;
};

export type DnsServerOptions = {
  readonly address: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  /** Sees that the address is there. */
  readonly ensureAddress: (signal: AbortSignal) => Promise<void>;
  readonly onResolvers: (health: ResolverHealth) => void;
  /** It does not listen, and why; undefined: it does again. */
  readonly onListening: (why: string | undefined) => void;
  /** Every few seconds: who asked more than is answered since, if anybody did. */
  readonly onOverdrawn: (who: Overdrawn | undefined) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'bytes' | 'random' | 'suffix'>;
  readonly log: Log;
};

const START_MS_MAX = 3_000;
const CHECK_MS = 10_000;
const RETRY_MS_MAX = 5_000;
const KEY = 'dns';

export function createDnsServer(options: DnsServerOptions): DnsServer {
  const { address, udpPort, tcpPort, clock, ids } = options;
  const log = options.log.child({ component: 'dns' });
  const stopping = new AbortController();
  const { signal } = stopping;
  let listening: Runner | undefined;
  let probing: Runner | undefined;
  let first = (): void => undefined;
  const index = new RecordIndex(address);
  const exchange = createExchange(clock, ids);
  let asked: NameKey = ROOT_KEY;
  let isHeard = false;
  const upstreams = new Upstreams({
    exchange,
    doubt: () => probing?.signal(KEY),
    changed: options.onResolvers,
    clock,
    ids,
  });
  const cameBack = (key: NameKey) => {
    if (key === asked) isHeard = true;
    return upstreams.cameBack(key);
  };
  const budgets = createClientBudgets(clock);
  const respond = createResponder(index, new Forwarder(upstreams, clock, signal), { cameBack }, budgets);
  const listener = new Listener({ address, udpPort, tcpPort, respond, lost: () => listening?.signal(KEY), clock });

  /** Another program that binds each address there is takes our datagrams; whoever binds last has them. */
  const askItself = async () => {
    asked = probeName(ids);
    isHeard = false;
    await exchange({ address, port: udpPort }, { key: asked, type: TYPE.A, dnssecOk: false, unchecked: false }, signal).catch(
      () => undefined,
    );
    if (isHeard || signal.aborted) return;
    // At once: it may as well be that so much is asked that this was not heard.
    listener.closeUdp();
    await listener.ensure();
    throw new SkerryError(
      'ListenFailed',
      `listen on UDP ${address}:${udpPort}: what is sent there does not come here: another program takes it, or more is asked than is answered`,
    );
  };

  const listen = async (): Promise<number> => {
    try {
      await options.ensureAddress(signal);
      await listener.ensure();
      await askItself();
    } catch (error) {
      if (!signal.aborted) options.onListening(explain(error));
      throw error;
    }
    options.onListening(undefined);
    options.onOverdrawn(budgets.overdrawn());
    first();
    return CHECK_MS;
  };

  return {
    start: () =>
      new Promise((resolve) => {
        const cancel = clock.timer(START_MS_MAX, resolve);
        first = () => {
          cancel();
          resolve();
        };
        listening = createRunner(
          { name: 'dns-listen', run: listen, keys: () => [KEY], backoffMsMax: RETRY_MS_MAX, clock, ids, log },
          signal,
        );
        probing = createRunner(
          { name: 'dns-probe', run: () => upstreams.probe(signal), keys: () => [KEY], clock, ids, log },
          signal,
        );
      }),
    stop: async () => {
      stopping.abort();
      await Promise.all([listening?.done, probing?.done]);
      // Behind whoever may just be opening it again.
      listener.close();
    },
    serve: (names) => index.serve(names),
    forwardTo: (all) => upstreams.set(all),
    retryNow: () => probing?.signal(KEY),
  };
}
