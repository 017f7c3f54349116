import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Wiring } from '#net/wire/wiring.ts';
import { changedKeys, concernedPods } from './document-changes.ts';
import type { ActionContext } from './actions/context.ts';
import { isEngineError } from './actions/runners.ts';
import { createEngineNews } from './engine-news.ts';
import { createPuller } from './images/puller.ts';
import { lastWordsOf } from './last-words.ts';
import type { Ledger } from './ledger/ledger.ts';
import { overlay } from './memory-overlay.ts';
import { createNodeNetwork } from './node-network.ts';
import { podUids } from './plan.ts';
import { podItem } from './plan/items.ts';
import { createPodCommits } from './pod-commits.ts';
import { createPodRounds } from './pod-rounds.ts';
import type { ProbeDialer } from './probes/dialer.ts';
import { probeTargets } from './probes/probe-target.ts';
import { createProber } from './probes/prober.ts';
import { createReadiness, type Readiness } from './readiness.ts';
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
  readonly dial: ProbeDialer;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
  readonly boot: Boot;
  readonly facts: () => Omit<PodFacts, 'address'>;
  /** Awaited before a pod's network is made: what it counts on is there from its first moment. */
  readonly beforeWiring?: (signal: AbortSignal) => Promise<void>;
};

export type PodLoop = {
  readonly start: () => void;
  /** Ends after the round that is under way; containers go on. */
  readonly stop: () => Promise<void>;
  /** Undefined until the engine was asked. */
  readonly health: () => EngineHealth | undefined;
  /** Called once health is known, and whenever it changes from or to ready. */
  readonly onHealth: (changed: () => void) => void;
  /** How the pods are, at once. */
  readonly readiness: Readiness;
  /** Somebody else's call to the engine failed so. */
  readonly noteEngine: (error: unknown) => void;
  /** The node's rules for its pods may have gone: they are looked at now. */
  readonly lookAtNetwork: () => void;
  /** The node has another address: what pods tell of it is looked at now. */
  readonly addressChanged: () => void;
  /** Nothing is being done or due at once (waits do not count). For tests and the simulator. */
  readonly idle: () => boolean;
};

/** The key of the look at everything; pod uids are never empty. */
const NODE = '';
const ROUNDS_AT_ONCE = 8;
const LOOK_AT_ALL_MS = 60_000;
/** What was flushed by others is back within ten seconds, the time it takes included. */
const LOOK_AT_RULES_MS = 8_000;
/** How long after the engine's event stream broke it is listened to again; doubled by the runner where it stays away. */
const ENGINE_BACKOFF_MS_MAX = 5_000;

export function createPodLoop(options: PodLoopOptions): PodLoop {
  const { ledger, runtime, wiring, volumes, dial, clock, ids, facts } = options;
  const log = options.log.child({ component: 'pods' });
  const stopping = new AbortController();
  const { signal } = stopping;
  const memory = overlay(() => ledger.memory());
  const time = createRunningTime(clock, options.boot, () => ledger.memory());
  const commits = createPodCommits({ ledger, memory, time, clock });
  const healthListeners: (() => void)[] = [];
  let runners: readonly Runner[] = [];
  let stopListening = (): void => undefined;
  const tellEngine = createEngineNews(log);
  let wasReady: boolean | undefined;

  const signalPod = (uid: string) => runners[0]?.signal(uid);

  const sight = createSight({
    runtime,
    wiring,
    volumes,
    hostAddress: () => facts().hostAddress,
    lastWords: (container, abort) =>
      lastWordsOf(container, podItem(ledger.documents(), container.podUid), runtime, volumes, abort),
  });

  const uids = () => podUids(ledger.documents(), memory.view(), sight.observed());
  const network = createNodeNetwork({ ledger, memory: memory.view, wiring, uids });

  const noteHealth = () => {
    // A look that the stop has cut short says nothing of the engine.
    if (signal.aborted) return;
    const health = sight.health();
    if (health !== undefined) tellEngine(health);
    const isReady = health?.ready;
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

  const puller = createPuller(
    {
      runtime,
      clock,
      pulls: sight.pulls,
      runningMs: () => Math.round(time.nowMs()),
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
    tell: commits.tell,
  };

  const readiness = createReadiness(memory.view, sight.verdicts, options.boot);
  const prober = createProber(
    {
      runtime,
      dial,
      verdicts: sight.verdicts,
      changed: (uid) => {
        readiness.changed(uid);
        signalPod(uid);
      },
      tell: commits.tell,
      clock,
      ids,
      log,
    },
    signal,
  );
  const { beforeWiring = async () => undefined } = options;

  const rounds = createPodRounds(
    {
      ledger,
      memory,
      time,
      bootId: options.boot.id,
      commits,
      network,
      context,
      readiness,
      beforeWiring,
      followProbes: (uid) => prober.follow(uid, probeTargets(ledger.documents(), memory.view(), sight.observed(), uid)),
      portsChanged: () => runners[2]?.signal(NODE),
      clock,
      log,
    },
    signal,
  );

  const lookAtAll = async (): Promise<void> => {
    try {
      await sight.lookAtAll(signal);
    } finally {
      noteHealth();
    }
    forgetGone();
    for (const uid of uids()) signalPod(uid);
    const deadlines = uids().some((uid) => podItem(ledger.documents(), uid)?.spec.activeDeadlineSeconds !== undefined);
    const running = deadlines ? time.due(LOOK_AT_ALL_MS) : undefined;
    if (running !== undefined) await ledger.commit([running], []);
  };

  /** What this process kept in mind of pods that are no more. */
  const forgetGone = () => {
    const known = new Set(uids());
    const podOf = (key: string) => key.slice(0, key.indexOf('/'));
    commits.forgetAllBut(known);
    for (const key of sight.failures.keys()) if (!known.has(podOf(key))) sight.failures.delete(key);
    for (const [key, { state }] of sight.pulls) if (!known.has(podOf(key)) && state !== 'pulling') sight.pulls.delete(key);
  };

  /** Listens until the engine goes away; then everything is looked at anew. */
  const listen = async (): Promise<number> => {
    try {
      for await (const event of runtime.events(signal)) {
        if (event.type === 'listening') runners[1]?.signal(NODE);
        else if (event.type === 'image') await sight.lookAtImages(signal);
        else {
          readiness.hear(event);
          if (rounds.hear(event.podUid)) signalPod(event.podUid);
        }
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
          rounds.run(uid).catch((error: unknown) => {
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
    // By themselves: a node whose rules cannot be kept still runs what needs none, and is looked at as ever.
    const rules = createRunner(
      {
        ...ordinary,
        name: 'node-network',
        run: () => network.ensure(signal).then(() => undefined),
        keys: () => [NODE],
        periodMs: LOOK_AT_ALL_MS,
      },
      signal,
    );
    const glances = createRunner(
      {
        ...ordinary,
        name: 'node-network-glance',
        run: async () => {
          if (await network.isChanged(signal)) rules.signal(NODE);
          return LOOK_AT_RULES_MS;
        },
        keys: () => [NODE],
        backoffMsMax: LOOK_AT_RULES_MS,
      },
      signal,
    );
    runners = [pods, looks, rules, ears, glances];
    let before = ledger.documents();
    stopListening = ledger.onDocuments(() => {
      const after = ledger.documents();
      const changed = changedKeys(before, after);
      before = after;
      // What was missing may be there now.
      sight.failures.clear();
      if (changed.has('node')) rules.signal(NODE);
      for (const uid of concernedPods(changed) ?? uids()) signalPod(uid);
    });
  };

  return {
    start,
    stop: async () => {
      stopListening();
      stopping.abort();
      await Promise.all([...runners.map(({ done }) => done), puller.done(), prober.done()]);
    },
    health: sight.health,
    onHealth: (changed) => healthListeners.push(changed),
    readiness,
    noteEngine,
    lookAtNetwork: () => runners[2]?.signal(NODE),
    addressChanged: () => uids().forEach(signalPod),
    idle: () => runners.slice(0, 3).every((runner) => runner.idle()) && commits.idle(),
  };
}
