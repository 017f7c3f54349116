import { canonicalText } from '#api/link/canonical-text.ts';
import type { PodFacts } from '#api/kinds/service/endpoints.ts';
import type { PodItem } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { explain } from '#lib/error.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { rfc3339 } from '#lib/time.ts';
import type { ServiceRules } from '#net/services/service-rules.ts';
import type { Backend, Redirect } from '#net/services/service-table.ts';
import { hostPortsOf } from '../host-ports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { networkItem, nodeItem, podItem } from '../plan/items.ts';
import { createNodeTrouble } from '../node-trouble.ts';
import type { Readiness } from '../readiness.ts';
import { ServiceModel, type PeerPath } from './service-model.ts';
import type { HealthCheckPorts } from './health-check-ports.ts';
import type { ServiceView } from './service-view.ts';
import { createTableMaker, type Refusal, type TableContext } from './table.ts';

/**
 * Keeps what this node knows of services, and its kernel in line with it: at once where a document or a pod of its own has changed, and looked at every few
 * seconds besides. Needs no server. Decides nothing: what is known is service-model.ts, what is made of it table.ts.
 */
export type ServiceKeeperOptions = {
  readonly node: string;
  readonly ledger: Pick<Ledger, 'documents' | 'onDocuments' | 'commit'>;
  readonly readiness: Readiness;
  readonly rules: ServiceRules;
  readonly healthChecks: HealthCheckPorts;
  /** The node's own address for services. */
  readonly address: string;
  /** What else is to be led at it; asked at each look. */
  readonly extras: (signal: AbortSignal) => Promise<ServiceExtras>;
  readonly ownAddresses: () => readonly string[];
  /** `tcp/8080`: ports that somebody on the machine listens on. */
  readonly listening: () => Promise<ReadonlySet<string>>;
  /** Somebody has flushed our rules, and most likely the node's others with them. */
  readonly flushed: () => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type ServiceExtras = {
  readonly redirects: readonly Redirect[];
  readonly untracked: readonly number[];
  /** Where the API is served to pods: while it is not, nothing listens there. */
  readonly api: Backend;
};

export type ServiceViews = {
  readonly view: () => ServiceView;
  /** Called at once when there is a new view. Gives what ends it. */
  readonly onView: (changed: (view: ServiceView) => void) => () => void;
};

export type ServiceKeeper = ServiceViews & {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** That the kernel has had what was known once, before the first container is started. Never rejects: a pod without services is better than none. */
  readonly settled: (signal: AbortSignal) => Promise<void>;
  /** What is known of the ways to other nodes. */
  readonly setPaths: (paths: ReadonlyMap<string, PeerPath>) => void;
  /** False: for long the kernel could not be brought in line with what is known. */
  readonly isLed: () => boolean;
  readonly idle: () => boolean;
};

/** What was flushed by others is back within ten seconds, the time it takes included. */
export const LOOK_MS = 8_000;
/** A change is made at once. Those that follow it (pods of a rollout become ready one by one) are made together: each costs a process, and a look at all there is. */
export const CHANGES_APART_MS = 100;
/** For so long looks may fail before the node says of itself that it does not lead. */
const FAILING_MS_MAX = 3 * LOOK_MS;
const KEY = 'services';
/** The loop needs no periodic pass: each run gives the time of the next. */
const PERIOD_MS = 24 * 3_600_000;
const BACKOFF_MS_MAX = 10_000;
const TOLD_MAX = 1_000;

export function createServiceKeeper(options: ServiceKeeperOptions): ServiceKeeper {
  const { ledger, readiness, rules, clock, ids } = options;
  const log = options.log.child({ component: 'services' });
  const stopping = new AbortController();
  const model = new ServiceModel(options.node);
  const makeTable = createTableMaker();
  const listeners = new Set<(view: ServiceView) => void>();
  const news = createNodeTrouble(
    { node: options.node, ledger, clock, log },
    { healed: 'ServicesLed', wrong: 'services are not led as they are known', right: 'services are led again' },
  );
  const told = { refusals: new Set<string>(), network: '' };
  const endings: (() => void)[] = [];
  let shown = model.view();
  let isProgrammed = false;
  let changedMs = Number.NEGATIVE_INFINITY;
  let failingMs: number | undefined;
  let before: Promise<unknown> = Promise.resolve();
  let runner: Runner | undefined;

  const factsOf = (uid: string): PodFacts | undefined => {
    const status = readiness.status(uid);
    if (status === undefined) return undefined;
    return {
      address: status.podIP,
      isReady: readiness.isReady(uid),
      isTerminal: status.phase === 'Succeeded' || status.phase === 'Failed',
    };
  };

  const takePod = (uid: string) => model.setPod(uid, podItem(ledger.documents(), uid), factsOf(uid));

  const publish = () => {
    const view = model.view();
    if (view === shown) return;
    shown = view;
    for (const listener of listeners) listener(view);
    runner?.signal(KEY);
  };

  const takeDocuments = () => {
    model.setDocuments(ledger.documents());
    const uids = [...ledger.documents().items.values()].flatMap(({ item }) => (item.kind === 'Pod' ? [item.metadata.uid] : []));
    for (const uid of new Set([...uids, ...model.podUids()])) takePod(uid);
    publish();
    // Another network, or the first.
    const network = canonicalText([networkItem(ledger.documents())?.spec, nodeItem(ledger.documents())?.spec.podCIDR]);
    if (network !== told.network) runner?.signal(KEY);
    told.network = network;
  };

  const contextOf = async (signal: AbortSignal): Promise<TableContext | undefined> => {
    const network = networkItem(ledger.documents())?.spec;
    const podCidr = nodeItem(ledger.documents())?.spec.podCIDR;
    // A server of before services, or none yet.
    if (network === undefined || podCidr === undefined) return undefined;
    const [listening, extras] = await Promise.all([options.listening(), options.extras(signal)]);
    const ours = new Set(options.healthChecks.listening());
    const others = [...listening].filter((port) => !ours.has(port));
    const { serviceCIDR: serviceCidr, clusterCIDR: clusterCidr } = network;
    return {
      serviceCidr,
      clusterCidr,
      podCidr,
      address: options.address,
      ...extras,
      ownAddresses: new Set(options.ownAddresses()),
      taken: new Map([...others.map((port) => [port, 'somebody listens there'] as const), ...hostPorts()]),
    };
  };

  const hostPorts = (): readonly (readonly [string, string])[] =>
    pods().flatMap((item) =>
      hostPortsOf(item, '').map(({ protocol, hostPort }) => {
        const { namespace, name } = item.metadata;
        return [`${protocol}/${hostPort}`, `it is a host port of pod ${namespace}/${name}`] as const;
      }),
    );

  const pods = (): readonly PodItem[] =>
    model.podUids().flatMap((uid) => {
      const item = podItem(ledger.documents(), uid);
      return item === undefined || factsOf(uid)?.isTerminal === true ? [] : [item];
    });

  /** Kernel and checks, as all is known now. Gives what is refused. */
  const bringInLine = async (signal: AbortSignal): Promise<readonly Refusal[]> => {
    const context = await contextOf(signal);
    if (context === undefined) return [];
    // After what had to be waited for: as it is known now.
    const view = model.view();
    const { table, refusals } = makeTable(view, context);
    const outcome = await rules.ensure(table, signal);
    if (outcome !== 'stood') changedMs = clock.monotonic();
    if (outcome === 'made anew' && isProgrammed) options.flushed();
    isProgrammed = true;
    // Behind the kernel: nobody is sent here before it leads on.
    return [...refusals, ...(await options.healthChecks.ensure(view))];
  };

  const succeeded = () => {
    failingMs = undefined;
    news.well('Services are led as they are known again');
  };

  const failed = (error: unknown) => {
    failingMs ??= clock.monotonic();
    news.trouble({
      reason: 'ServicesNotLed',
      message: `The kernel was not brought in line with services: ${explain(error)}. Connections go where they went before; it is tried again all the time, and \`skerry doctor\` on the node says what it lacks`,
    });
  };

  const ensure = async (signal: AbortSignal): Promise<void> => {
    const refusals = await bringInLine(signal).catch((error: unknown) => {
      if (!signal.aborted) failed(error);
      throw error;
    });
    succeeded();
    // On a full disk the next change is not to wait for it.
    await tell(refusals).catch((error: unknown) => log.warn({ err: error }, 'what services do not get here is not told yet'));
  };

  /** One look at a time: two at once would each begin what the other has begun. */
  const inTurn = (look: () => Promise<void>): Promise<void> => {
    const turn = before.then(look);
    before = turn.catch(() => undefined);
    return turn;
  };

  /** Each once as long as it is so. */
  const tell = async (refusals: readonly Refusal[]) => {
    const keyOf = ({ namespace, name, message }: Refusal) => `${namespace}/${name} ${message}`;
    const present = new Set(refusals.map(keyOf));
    for (const key of told.refusals) if (!present.has(key)) told.refusals.delete(key);
    const untold = refusals
      .filter((refusal) => !told.refusals.has(keyOf(refusal)))
      .slice(0, Math.max(0, TOLD_MAX - told.refusals.size));
    if (untold.length === 0) return;
    await ledger.commit(
      [],
      untold.map((refusal) => eventOf(options.node, refusal, clock.now())),
    );
    for (const refusal of untold) told.refusals.add(keyOf(refusal));
  };

  return {
    view: () => shown,
    onView: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start: () => {
      endings.push(
        ledger.onDocuments(takeDocuments),
        readiness.onChange((uid) => {
          takePod(uid);
          publish();
        }),
      );
      takeDocuments();
      const { signal } = stopping;
      runner ??= createRunner(
        {
          name: KEY,
          run: async () => {
            const earlyMs = changedMs + CHANGES_APART_MS - clock.monotonic();
            if (earlyMs > 0) return earlyMs;
            await inTurn(() => ensure(signal));
            return LOOK_MS;
          },
          keys: () => [KEY],
          periodMs: PERIOD_MS,
          backoffMsMax: BACKOFF_MS_MAX,
          clock,
          ids,
          log,
        },
        signal,
      );
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
      stopping.abort();
      news.stop();
      await runner?.done;
      options.healthChecks.stop();
    },
    settled: async (signal) => {
      if (isProgrammed) return;
      await inTurn(async () => (isProgrammed ? undefined : ensure(signal))).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'services could not be led before a container is started');
      });
    },
    setPaths: (paths) => {
      model.setPaths(paths);
      publish();
    },
    isLed: () => failingMs === undefined || clock.monotonic() - failingMs < FAILING_MS_MAX,
    idle: () => runner?.idle() ?? true,
  };
}

function eventOf(node: string, { namespace, name, message }: Refusal, wallMs: number): Report {
  return {
    class: 'event',
    body: {
      involved: { kind: 'Service', namespace, name },
      type: 'Warning',
      reason: 'PortUnavailable',
      message: `On node ${node} ${message}`,
      time: rfc3339(wallMs),
      count: 1,
    },
  };
}
