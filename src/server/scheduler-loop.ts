/** Drives the scheduler: feeds it, commits its binds, takes back those that fail, and says why pods wait. Decides nothing. */
import type { Pod } from '#api/kinds/pod.ts';
import { podCondition } from '#api/kinds/pod.ts';
import { objectName } from '#api/object.ts';
import { rfc3339, type Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner } from '#lib/runner.ts';
import type { Change } from '#rest/change.ts';
import type { Bind, Decision } from '#sched/pick.ts';
import { Scheduler } from '#sched/scheduler.ts';
import { SCHEDULER_NAME } from '#sched/waiting-pods.ts';
import type { Carrier } from './carry-out.ts';
import { isOrdinary, referenceTo } from './controller-loop.ts';
import type { News } from './controllers/controller.ts';
import { authorOf, type EventRecorder } from './events.ts';
import type { View } from './view.ts';

export type SchedulerLoopOptions = {
  readonly carrier: Carrier;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type SchedulerLoop = {
  /** Forgets everything and begins with this state. */
  readonly reset: (view: View) => void;
  readonly apply: (news: News) => void;
  readonly idle: () => boolean;
  readonly done: Promise<void>;
};

/** Pods that found no node are tried again at least this often, whatever was missed. */
const RETRY_PERIOD_MS = 60_000;
/** Before a bind that lost against another write is tried again. */
const LOST_WAIT_MS = 50;
/** There is one queue, so there is one key. */
const KEY = 'pods';
const AUTHOR = authorOf(SCHEDULER_NAME);

export function startSchedulerLoop(options: SchedulerLoopOptions, signal: AbortSignal): SchedulerLoop {
  const { carrier, events, clock, ids } = options;
  const log = options.log.child({ component: 'scheduler' });
  let scheduler = new Scheduler();

  const run = async (_key: string, runSignal: AbortSignal): Promise<number | undefined> => {
    const decided = scheduler;
    const results = await Promise.allSettled(decided.decide().map((decision) => commit(decided, decision, runSignal)));
    const failure = results.find((result) => result.status === 'rejected' && !isOrdinary(result.reason));
    if (failure?.status === 'rejected') throw failure.reason;
    if (scheduler.readyCount === 0) return undefined;
    // What a bind lost against may be on its way to the disk still: asked again at once, it would lose again.
    return results.some(({ status }) => status === 'rejected') ? LOST_WAIT_MS : 0;
  };

  const commit = async (decided: Scheduler, decision: Decision, runSignal: AbortSignal): Promise<void> => {
    if (decision.type === 'waits') {
      const { unit, message, bug } = decision;
      if (bug !== undefined) log.error({ err: bug, pods: unit.pods.map(objectName) }, 'the scheduler failed at a pod');
      return tellWhy(unit.pods, message, runSignal);
    }
    await Promise.all(decision.binds.map((bind) => commitBind(decided, bind, runSignal)));
  };

  const commitBind = async (decided: Scheduler, { pod, node }: Bind, runSignal: AbortSignal): Promise<void> => {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    try {
      await carrier({ verb: 'bind', namespace, name, uid, node }, AUTHOR, runSignal);
    } catch (error) {
      decided.undo(pod);
      throw error;
    }
    const message = `Successfully assigned ${objectName(pod)} to ${node}`;
    events.record(SCHEDULER_NAME, referenceTo(pod), { type: 'Normal', reason: 'Scheduled', message });
  };

  const tellWhy = async (pods: readonly Pod[], message: string, runSignal: AbortSignal): Promise<void> => {
    for (const pod of pods) {
      events.record(SCHEDULER_NAME, referenceTo(pod), { type: 'Warning', reason: 'FailedScheduling', message });
      const condition = podCondition(pod, 'PodScheduled');
      if (condition?.status !== 'False' || condition.reason !== 'Unschedulable' || condition.message !== message)
        await carrier(unschedulable(pod, message, clock.now()), AUTHOR, runSignal);
    }
  };

  const runner = createRunner(
    {
      name: 'scheduler',
      run,
      keys: () => {
        scheduler.retryAll();
        return [KEY];
      },
      periodMs: RETRY_PERIOD_MS,
      concurrency: 1,
      isOrdinary,
      clock,
      ids,
      log,
    },
    signal,
  );

  const apply = (news: News) => {
    scheduler.apply(news);
    if (scheduler.readyCount > 0) runner.signal(KEY);
  };

  return {
    reset: (view) => {
      scheduler = new Scheduler();
      for (const resource of ['nodes', 'pods']) for (const after of view.list(resource)) apply({ resource, after });
    },
    apply,
    idle: runner.idle,
    done: runner.done,
  };
}

function unschedulable(pod: Pod, message: string, now: number): Change {
  const { namespace = '', name = '', uid } = pod.metadata;
  const old = podCondition(pod, 'PodScheduled');
  const lastTransitionTime = old?.status === 'False' ? old.lastTransitionTime : rfc3339(now);
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
  return {
    verb: 'patch',
    resource: 'pods',
    subresource: 'status',
    namespace,
    name,
    patchType: 'strategic',
    patch: { status: { conditions: [condition] } },
    ...(uid === undefined ? {} : { uid }),
  };
}
