/**
 * The loops of the server: what is committed is told to the controllers and the scheduler, and what they decide is committed through the
 * pipeline like anyone's request. The loops learn only from the store, so they may run in any process that sees its feed.
 */
import { SkerryError } from '#lib/error.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { Entry, Storage, Watch } from '#rest/storage.ts';
import type { Carrier } from './carry-out.ts';
import { startControllerLoop } from './controller-loop.ts';
import type { Controller, News } from './controllers/controller.ts';
import { createEventRecorder, type EventRecorder } from './events.ts';
import { startSchedulerLoop } from './scheduler-loop.ts';
import type { View } from './view.ts';

export type LoopsOptions = {
  readonly storage: Pick<Storage, 'watch' | 'revision'>;
  readonly view: () => View;
  /** The pipeline. */
  readonly change: Carrier;
  readonly controllers: readonly Controller[];
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random' | 'bytes'>;
  readonly log: Log;
};

export type Loops = {
  /** For others that have something to tell: the same recorder, with the same limits. */
  readonly events: EventRecorder;
  /** Nothing runs and nothing is due; looks again later do not count. */
  readonly idle: () => boolean;
  /** Resolves once the signal has aborted and the last run has ended. */
  readonly done: Promise<void>;
};

/** Before watching anew after falling behind. */
const RESUME_MS = 100;

export function startLoops(options: LoopsOptions, signal: AbortSignal): Loops {
  const { storage, view, change: carrier, controllers, clock, ids } = options;
  const log = options.log.child({ component: 'loops' });
  const events = createEventRecorder({ carrier, clock, ids, log }, signal);
  const shared = { view, carrier, events, clock, ids, log, revision: storage.revision };
  const loops = controllers.map((controller) => ({ controller, runner: startControllerLoop({ ...shared, controller }, signal) }));
  const scheduler = startSchedulerLoop(shared, signal);

  const tell = (news: News) => {
    guarded('scheduler', news, log, () => scheduler.apply(news));
    for (const { controller, runner } of loops)
      guarded(controller.name, news, log, () => {
        for (const key of controller.keysOf(news, view())) runner.signal(key);
      });
  };

  let watch: Watch | undefined;
  const begin = () => {
    if (signal.aborted) return;
    const seen = view();
    scheduler.reset(seen);
    watch = storage.watch(seen.revision, {
      batch: (entries) => {
        for (const entry of entries) tell(newsOf(entry));
      },
      ended: (why) => {
        if (signal.aborted) return;
        log.warn({ err: why }, 'loops fell behind the store and begin anew');
        clock.timer(RESUME_MS, () => {
          begin();
          for (const { controller, runner } of loops) for (const key of controller.keys(view())) runner.signal(key);
        });
      },
    });
  };
  signal.addEventListener('abort', () => watch?.stop(), { once: true });
  begin();

  const parts = [...loops.map(({ runner }) => runner), scheduler, events];
  return {
    events,
    idle: () => parts.every((part) => part.idle()),
    done: Promise.all(parts.map((part) => part.done)).then(() => undefined),
  };
}

function newsOf({ key, before, after }: Entry): News {
  return {
    resource: key.resource,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** Who stumbles over an object must not keep the news from the others: the periodic pass has everything anyway. */
function guarded(who: string, news: News, log: Log, tellOne: () => void): void {
  try {
    tellOne();
  } catch (error) {
    const cause = new SkerryError('Bug', `take in a write of ${news.resource}`, { cause: error });
    log.error({ loop: who, err: cause }, 'loop stumbled over news');
  }
}
