import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { ActionContext } from './actions/context.ts';
import { failureOf, isEngineError, isPutOff, runAction, touchesEngine, type Doable } from './actions/runners.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { MemoryOverlay } from './memory-overlay.ts';
import type { NodeNetworkKeeper } from './node-network.ts';
import { planUid } from './plan.ts';
import { sentence, type Action } from './plan/action.ts';
import type { PodCommits } from './pod-commits.ts';
import type { ReadinessKeeper } from './readiness.ts';
import type { RunningTime } from './running-time.ts';

/** One pod's round: look → plan → commit → act, until there is nothing left to do for it. No timers; who calls it when is pod-loop.ts. */
export type PodRounds = {
  /** Gives the milliseconds after which to come back, if the plan waits for a time. Never called for a pod while its round is under way. */
  readonly run: (uid: string) => Promise<number | undefined>;
  /** The engine told of this pod. True if no round of its own will see that. */
  readonly hear: (uid: string) => boolean;
};

export type PodRoundsOptions = {
  readonly ledger: Pick<Ledger, 'documents'>;
  readonly memory: MemoryOverlay;
  readonly time: RunningTime;
  readonly bootId: string;
  readonly commits: PodCommits;
  readonly network: NodeNetworkKeeper;
  readonly context: ActionContext;
  readonly readiness: Pick<ReadinessKeeper, 'note'>;
  readonly beforeWiring: (signal: AbortSignal) => Promise<void>;
  /** What is known of this pod is on the disk: its probes may have come or gone. */
  readonly followProbes: (uid: string) => void;
  /** Host ports have come or gone. */
  readonly portsChanged: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
};

const STEPS_MAX = 50;
/** The same actions, done so often without effect, are put off like a failure. */
const REPEATS_MAX = 3;

export function createPodRounds(options: PodRoundsOptions, signal: AbortSignal): PodRounds {
  const { ledger, memory, time, commits, network, context, readiness, followProbes, portsChanged, clock, log } = options;
  const { sight } = context;
  /** Pods with a round under way, and pods whose containers may not be as they were last seen. */
  const underWay = new Set<string>();
  const stale = new Set<string>();

  const runningMs = () => Math.round(time.nowMs());

  const act = async (action: Doable): Promise<void> => {
    // The node's rules stand before the first pod's network does.
    if (action.type === 'wire' && !network.isUp()) await network.ensure(signal);
    if (action.type === 'wire') await options.beforeWiring(signal);
    if (touchesEngine(action)) stale.add(action.pod.uid);
    await runAction(action, context, signal);
    sight.failures.delete(`${action.pod.uid}/${failureOf(action, '').step}`);
    // Host ports come and go with a pod's network.
    if (network.isOutdated()) portsChanged();
  };

  /** Does what is planned, in order; true if anything was done that makes a new look worth it. */
  const actAll = async (actions: readonly Action[]): Promise<boolean> => {
    const doable = actions.filter((action): action is Doable => !['commit', 'event', 'wake'].includes(action.type));
    for (const action of doable) {
      log.debug({ pod: action.pod.name, namespace: action.pod.namespace, action: sentence(action) }, 'doing');
      try {
        await act(action);
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
    sight.failures.set(key, { reason, message: explain(error), failures, atMs: runningMs() });
    log.warn(
      { pod: action.pod.name, namespace: action.pod.namespace, action: sentence(action), failures, err: error },
      'action failed',
    );
    const container = action.type === 'start-container' ? { container: action.container } : {};
    commits.tell(action.pod, {
      type: 'Warning',
      reason: action.type === 'start-container' ? 'Failed' : reason,
      message: event,
      ...container,
    });
  };

  const steps = async (uid: string): Promise<number | undefined> => {
    let before = '';
    let repeats = 0;
    for (let step = 0; step < STEPS_MAX && !signal.aborted; step += 1) {
      // The look at everything, once it is done, has every pod's round begin.
      if (!sight.isComplete()) return undefined;
      if (stale.delete(uid)) await sight.lookAtPod(uid, signal);
      const now = { wallMs: clock.now(), runningMs: runningMs(), bootId: options.bootId };
      const actions = planUid(ledger.documents(), memory.view(), sight.observed(), now, uid);
      const committed = commits.commit(actions);
      readiness.note(uid, actions);
      await committed;
      followProbes(uid);
      if (!(await actAll(actions))) {
        if (stale.has(uid)) continue;
        return wakeOf(actions);
      }
      const done = actions.map(sentence).join('; ');
      repeats = done === before ? repeats + 1 : 0;
      if (repeats >= REPEATS_MAX) throw new SkerryError('NoProgress', `done ${repeats + 1} times without effect: ${done}`);
      before = done;
    }
    return 0;
  };

  return {
    run: async (uid) => {
      underWay.add(uid);
      stale.add(uid);
      try {
        return await steps(uid);
      } finally {
        underWay.delete(uid);
      }
    },
    // A round that is under way looks again before it ends; what it has just done itself it sees by that too.
    hear: (uid) => {
      stale.add(uid);
      return !underWay.has(uid);
    },
  };
}

function wakeOf(actions: readonly Action[]): number | undefined {
  const wakes = actions.flatMap((action) => (action.type === 'wake' ? [action.afterMs] : []));
  return wakes.length === 0 ? undefined : Math.min(...wakes);
}
