import type { NodeItem } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { HostPort, Wiring } from '#net/wire/wiring.ts';
import { hostPortsOf } from './host-ports.ts';
import { eventReport, isNews } from './pod-events.ts';
import { changedKeys, concernedPods } from './document-changes.ts';
import type { ActionContext } from './actions/context.ts';
import { failureOf, isEngineError, isPutOff, runAction, touchesEngine, type Doable } from './actions/runners.ts';
import { createPuller } from './images/puller.ts';
import { lastWordsOf } from './last-words.ts';
import type { Ledger } from './ledger/ledger.ts';
import { addressOf, podMemory } from './memory.ts';
import { overlay } from './memory-overlay.ts';
import { planUid, podItem, podUids } from './plan.ts';
import { sentence, type Action, type PodEvent, type PodName } from './plan/action.ts';
import type { Now } from './plan/observed.ts';
import type { PodFacts } from './render/field-ref.ts';
import { createRunningTime, type Boot } from './running-time.ts';
import type { Runtime } from './runtime/runtime.ts';
import { createSight, type EngineHealth } from './sight.ts';
import type { Volumes } from './volumes/volumes.ts';

/**
 * Brings the node's pods in line with the documents: look → plan → commit → act, one key per pod on the one runner, until there is nothing
 * left to do. Invariants: nothing is done before what it rests on is on the disk; no two rounds of one pod at once; what is not ours is
 * never seen, so never touched.
 */
export type PodLoopOptions = {
  readonly ledger: Ledger;
  readonly runtime: Runtime;
  readonly wiring: Wiring;
  readonly volumes: Volumes;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
  readonly boot: Boot;
  readonly facts: () => Omit<PodFacts, 'address'>;
};

export type PodLoop = {
  readonly start: () => void;
  /** Ends after the round that is under way; containers go on. */
  readonly stop: () => Promise<void>;
  /** Undefined until the engine was asked. */
  readonly health: () => EngineHealth | undefined;
  /** Called once health is known, and whenever it changes from or to ready. */
  readonly onHealth: (changed: () => void) => void;
  /** Somebody else's call to the engine failed so. */
  readonly noteEngine: (error: unknown) => void;
  /** Nothing is being done or due at once (waits do not count). For tests and the simulator. */
  readonly idle: () => boolean;
};

/** The key of the look at everything; pod uids are never empty. */
const NODE = '';
const ROUNDS_AT_ONCE = 8;
const LOOK_AT_ALL_MS = 60_000;
const STEPS_MAX = 50;
/** How long after the engine's event stream broke it is listened to again; doubled by the runner where it stays away. */
const ENGINE_BACKOFF_MS_MAX = 5_000;
/** Events kept while the disk takes none. */
const UNSENT_MAX = 1_000;
/** The same actions, done so often without effect, are put off like a failure. */
const REPEATS_MAX = 3;

export function createPodLoop(options: PodLoopOptions): PodLoop {
  const { ledger, runtime, wiring, volumes, clock, ids, facts } = options;
  const log = options.log.child({ component: 'pods' });
  const stopping = new AbortController();
  const { signal } = stopping;
  const memory = overlay(() => ledger.memory());
  const time = createRunningTime(clock, options.boot, ledger.memory());
  /** Pods with a round under way, and pods whose containers may not be as they were last seen. */
  const underWay = new Set<string>();
  const stale = new Set<string>();
  const told = new Map<string, Set<string>>();
  const unsent: Report[] = [];
  const healthListeners: (() => void)[] = [];
  let runners: readonly Runner[] = [];
  let stopListening = (): void => undefined;
  let wasReady: boolean | undefined;
  let ensuredCidr: string | undefined;
  let ensuredPorts = '[]';

  const now = (): Now => ({ wallMs: clock.now(), runningMs: Math.round(time.nowMs()) });
  const signalPod = (uid: string) => runners[0]?.signal(uid);

  const sight = createSight({
    runtime,
    wiring,
    volumes,
    hostAddress: () => facts().hostAddress,
    lastWords: (container, abort) =>
      lastWordsOf(container, podItem(ledger.documents(), container.podUid), runtime, volumes, abort),
  });

  const noteHealth = () => {
    const isReady = sight.health()?.ready;
    if (isReady === wasReady) return;
    wasReady = isReady;
    for (const listener of healthListeners) listener();
  };

  /** A call to the engine ended so. What that leaves unknown is looked at soon, not when the next look is due. */
  const noteEngine = (error: unknown) => {
    sight.note(error);
    noteHealth();
    if (!sight.isComplete()) runners[1]?.signal(NODE);
  };

  const tell = (pod: PodName, event: Omit<PodEvent, 'once'>) => {
    unsent.push(eventReport(pod, event, podItem(ledger.documents(), pod.uid), clock.now()));
  };

  const puller = createPuller(
    {
      runtime,
      clock,
      pulls: sight.pulls,
      runningMs: () => now().runningMs,
      ended: async (key) => {
        await sight.lookAtImages(signal).catch(noteEngine);
        signalPod(key.slice(0, key.indexOf('/')));
      },
    },
    signal,
  );

  const context: ActionContext = {
    runtime,
    wiring,
    volumes,
    puller,
    sight,
    documents: () => ledger.documents(),
    facts: (address) => ({ ...facts(), address }),
    tell,
  };

  /** Memory and reports to the disk, in one commit, before anything that rests on them. */
  const commit = async (actions: readonly Action[]): Promise<void> => {
    const changes = actions.flatMap((action) => (action.type === 'commit' ? action.changes : []));
    const planned = actions.flatMap((action) => (action.type === 'commit' ? action.reports : []));
    const events = actions.flatMap((action) =>
      action.type === 'event' && isNews(told, action.pod.uid, action.event) ? [action] : [],
    );
    const items = ledger.documents();
    const reports = [
      ...unsent.splice(0),
      ...events.map(({ pod, event }) => eventReport(pod, event, podItem(items, pod.uid), clock.now())),
      ...planned,
    ];
    if (changes.length === 0 && reports.length === 0) return;
    const running = time.due();
    try {
      await memory.during(changes, () => ledger.commit(running === undefined ? changes : [...changes, running], reports));
    } catch (error) {
      // What was to be told is told with the next commit; what was planned is planned again.
      unsent.unshift(...reports.filter((report) => report.class === 'event').slice(-UNSENT_MAX));
      throw error;
    }
  };

  /** Does what is planned, in order; true if anything was done that makes a new look worth it. */
  const act = async (actions: readonly Action[]): Promise<boolean> => {
    const doable = actions.filter((action): action is Doable => !['commit', 'event', 'wake'].includes(action.type));
    for (const action of doable) {
      log.debug({ pod: action.pod.name, namespace: action.pod.namespace, action: sentence(action) }, 'doing');
      try {
        // The node's rules stand before the first pod's network does.
        if (action.type === 'wire' && ensuredCidr === undefined) await ensureNode();
        if (touchesEngine(action)) stale.add(action.pod.uid);
        await runAction(action, context, signal);
        sight.failures.delete(`${action.pod.uid}/${failureOf(action, '').step}`);
        // Host ports come and go with a pod's network.
        if (JSON.stringify(hostPorts()) !== ensuredPorts) runners[1]?.signal(NODE);
      } catch (error) {
        if (isEngineError(error)) throw error;
        fail(action, error);
        // What the plan does not put off by itself, the runner does.
        if (!isPutOff(action)) throw error;
        return true;
      }
    }
    return doable.length > 0;
  };

  const fail = (action: Doable, error: unknown) => {
    const { step, reason, event } = failureOf(action, error);
    const key = `${action.pod.uid}/${step}`;
    const failures = (sight.failures.get(key)?.failures ?? 0) + 1;
    sight.failures.set(key, { reason, message: explain(error), failures, atMs: now().runningMs });
    log.warn(
      { pod: action.pod.name, namespace: action.pod.namespace, action: sentence(action), failures, err: error },
      'action failed',
    );
    const container = action.type === 'start-container' ? { container: action.container } : {};
    tell(action.pod, {
      type: 'Warning',
      reason: action.type === 'start-container' ? 'Failed' : reason,
      message: event,
      ...container,
    });
  };

  const round = async (uid: string): Promise<number | undefined> => {
    let before = '';
    let repeats = 0;
    underWay.add(uid);
    stale.add(uid);
    try {
      for (let step = 0; step < STEPS_MAX && !signal.aborted; step += 1) {
        // The look at everything, once it is done, has every pod's round begin.
        if (!sight.isComplete()) return undefined;
        if (stale.delete(uid)) await sight.lookAtPod(uid, signal);
        const actions = planUid(ledger.documents(), memory.view(), sight.observed(), now(), uid);
        await commit(actions);
        if (!(await act(actions))) {
          if (stale.has(uid)) continue;
          return wakeOf(actions);
        }
        const done = actions.map(sentence).join('; ');
        repeats = done === before ? repeats + 1 : 0;
        if (repeats >= REPEATS_MAX) throw new SkerryError('NoProgress', `done ${repeats + 1} times without effect: ${done}`);
        before = done;
      }
      return 0;
    } finally {
      underWay.delete(uid);
    }
  };

  /** The engine told of this pod: its round, if one is under way, looks again before it ends; what it has just done itself it sees by that too. */
  const hear = (uid: string) => {
    stale.add(uid);
    if (!underWay.has(uid)) signalPod(uid);
  };

  const lookAtAll = async (): Promise<void> => {
    try {
      await sight.lookAtAll(signal);
    } finally {
      noteHealth();
    }
    // A node whose rules cannot be kept still runs what needs none; the failure is told and tried again.
    const rules = await ensureNode().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    forgetGone();
    for (const uid of uids()) signalPod(uid);
    if (rules !== undefined) throw rules.error;
    const deadlines = uids().some((uid) => podItem(ledger.documents(), uid)?.spec.activeDeadlineSeconds !== undefined);
    const running = deadlines ? time.due(LOOK_AT_ALL_MS) : undefined;
    if (running !== undefined) await ledger.commit([running], []);
  };

  const ensureNode = async (): Promise<void> => {
    // The server sends the node's own item under this key.
    const node = ledger.documents().items.get('node')?.item as NodeItem | undefined;
    if (node?.spec.podCIDR === undefined) return;
    const { podCIDR: podCidr, clusterCIDR: clusterCidr } = node.spec;
    const ports = hostPorts();
    await wiring.ensureNode({ podCidr, clusterCidr, hostPorts: ports }, signal);
    ensuredCidr = podCidr;
    ensuredPorts = JSON.stringify(ports);
  };

  const hostPorts = (): readonly HostPort[] =>
    uids().flatMap((uid) => {
      const item = podItem(ledger.documents(), uid);
      const address = addressOf(memory.view(), uid);
      const ended = podMemory(memory.view(), uid)?.verdict !== undefined;
      return item === undefined || address === undefined || ended ? [] : hostPortsOf(item, address);
    });

  /** What this process kept in mind of pods that are no more. */
  const forgetGone = () => {
    const known = new Set(uids());
    const podOf = (key: string) => key.slice(0, key.indexOf('/'));
    for (const uid of told.keys()) if (!known.has(uid)) told.delete(uid);
    for (const key of sight.failures.keys()) if (!known.has(podOf(key))) sight.failures.delete(key);
    for (const [key, { state }] of sight.pulls) if (!known.has(podOf(key)) && state !== 'pulling') sight.pulls.delete(key);
  };

  const uids = () => podUids(ledger.documents(), memory.view(), sight.observed());

  /** Listens until the engine goes away; then everything is looked at anew. */
  const listen = async (): Promise<number> => {
    try {
      for await (const event of runtime.events(signal)) {
        if (event.type === 'listening') runners[1]?.signal(NODE);
        else if (event.type === 'image') await sight.lookAtImages(signal);
        else hear(event.podUid);
      }
    } catch (error) {
      noteEngine(error);
      throw error;
    } finally {
      runners[1]?.signal(NODE);
    }
    // An engine that closes the stream in good order is listened to again with the same back-off: it may close the next one too.
    if (!signal.aborted) throw new SkerryError('EngineAbsent', 'listen to the engine: it ended its stream of events');
    return 0;
  };

  const start = () => {
    const ordinary = { clock, ids, log, isOrdinary: isEngineError };
    const pods = createRunner(
      {
        ...ordinary,
        name: 'pods',
        run: (uid) =>
          round(uid).catch((error: unknown) => {
            noteEngine(error);
            throw error;
          }),
        concurrency: ROUNDS_AT_ONCE,
      },
      signal,
    );
    runners = [pods];
    const looks = createRunner(
      {
        ...ordinary,
        name: 'engine',
        run: () => lookAtAll().then(() => undefined),
        keys: () => [NODE],
        periodMs: LOOK_AT_ALL_MS,
        backoffMsMax: ENGINE_BACKOFF_MS_MAX,
      },
      signal,
    );
    const ears = createRunner(
      { ...ordinary, name: 'engine-events', run: () => listen(), keys: () => [NODE], backoffMsMax: ENGINE_BACKOFF_MS_MAX },
      signal,
    );
    runners = [pods, looks, ears];
    let before = ledger.documents();
    stopListening = ledger.onDocuments(() => {
      const after = ledger.documents();
      const changed = changedKeys(before, after);
      before = after;
      // What was missing may be there now.
      sight.failures.clear();
      if (changed.has('node')) looks.signal(NODE);
      for (const uid of concernedPods(changed) ?? uids()) signalPod(uid);
    });
  };

  return {
    start,
    stop: async () => {
      stopListening();
      stopping.abort();
      await Promise.all([...runners.map(({ done }) => done), puller.done()]);
    },
    health: sight.health,
    onHealth: (changed) => healthListeners.push(changed),
    noteEngine,
    idle: () => runners.slice(0, 2).every((runner) => runner.idle()) && unsent.length === 0,
  };
}

function wakeOf(actions: readonly Action[]): number | undefined {
  const wakes = actions.flatMap((action) => (action.type === 'wake' ? [action.afterMs] : []));
  return wakes.length === 0 ? undefined : Math.min(...wakes);
}
