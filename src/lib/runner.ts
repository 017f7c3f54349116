import type { Clock } from './clock.ts';
import { SkerryError } from './error.ts';
import type { Ids } from './ids.ts';
import type { Log } from './log.ts';

/**
 * The one loop of this product: whoever must bring something into line with something else gives it a key and lets a runner call it.
 * Nobody else writes a retry loop or a timer. Invariants:
 *  - a key never runs twice at once; a signal during its run means one more run after it;
 *  - keys run in the order they were signalled, at most `concurrency` at a time;
 *  - a failing key backs off alone, longer each time; it keeps no other key waiting;
 *  - after TURN_RUNS_MAX runs the event loop gets its turn.
 */
export type RunnerOptions = {
  readonly name: string;
  /** Does one key's work. The milliseconds it gives back mean: once more then, though nobody signals. Throwing means: back off. */
  readonly run: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  /** Every key there is, signalled at start and on each periodic pass: what a lost signal would have cost is made good here. */
  readonly keys?: () => readonly string[];
  readonly periodMs?: number;
  readonly concurrency?: number;
  readonly backoffMsMin?: number;
  readonly backoffMsMax?: number;
  /** Failures that belong to the work (a conflict, an absent peer): backed off like any other, but not worth a warning. */
  readonly isOrdinary?: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type Runner = {
  /** Run this key soon; if it is running, once more after that; if it is backing off, within SIGNALLED_WAIT_MS_MAX. */
  readonly signal: (key: string) => void;
  /** Nothing runs and nothing is due; keys that wait for a later time do not count. */
  readonly idle: () => boolean;
  /** Resolves once the signal has aborted and the last run has ended. Never rejects. */
  readonly done: Promise<void>;
};

export const CONCURRENCY = 4;
export const PERIOD_MS = 5 * 60_000;
export const BACKOFF_MS_MIN = 20;
export const BACKOFF_MS_MAX = 60_000;
/** A key that failed listens to signals again after this long, so that its own half-done work cannot keep it spinning. */
export const SIGNALLED_WAIT_MS_MAX = 1_000;
/** Of a key that goes on failing the log hears so often, and of its first failures each: it may be signalled every second. */
export const TOLD_EVERY_MS = 60_000;
const TOLD_FIRST = 5;
const TURN_RUNS_MAX = 64;
/** Of the queue's array, how many used-up places may stand before they are cut off. */
const QUEUE_SLACK = 1_024;

/** What is known of a key; one that neither runs nor waits and has not failed is not kept. */
type Entry = {
  phase: 'idle' | 'queued' | 'running' | 'waiting';
  again: boolean;
  failures: number;
  /** When the log was told of a failure. */
  toldMs: number;
  dueMs: number;
  cancel: () => void;
};

const NOTHING = () => undefined;

/** Starts at once and goes on until `signal` aborts. */
export function createRunner(options: RunnerOptions, signal: AbortSignal): Runner {
  const { clock, ids, concurrency = CONCURRENCY, periodMs = PERIOD_MS } = options;
  const log = options.log.child({ loop: options.name });
  const entries = new Map<string, Entry>();
  let queue: string[] = [];
  let head = 0;
  let running = 0;
  let drainDue = false;
  let turnRuns = 0;
  let cancelPass: () => void = NOTHING;
  let finish: () => void = NOTHING;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });

  const enqueue = (key: string, entry: Entry) => {
    entry.cancel();
    entry.cancel = NOTHING;
    entry.phase = 'queued';
    queue.push(key);
    if (drainDue) return;
    drainDue = true;
    queueMicrotask(drain);
  };

  const wait = (key: string, entry: Entry, delayMs: number) => {
    entry.cancel();
    entry.phase = 'waiting';
    entry.dueMs = clock.monotonic() + delayMs;
    entry.cancel = clock.timer(delayMs, () => enqueue(key, entry));
  };

  const signalKey = (key: string) => {
    if (signal.aborted) return;
    const entry = entries.get(key) ?? { phase: 'idle', again: false, failures: 0, toldMs: 0, dueMs: 0, cancel: NOTHING };
    entries.set(key, entry);
    if (entry.phase === 'running') entry.again = true;
    else if (entry.phase === 'idle' || (entry.phase === 'waiting' && entry.failures === 0)) enqueue(key, entry);
    else if (entry.phase === 'waiting' && entry.dueMs - clock.monotonic() > SIGNALLED_WAIT_MS_MAX)
      wait(key, entry, SIGNALLED_WAIT_MS_MAX);
  };

  const drain = () => {
    drainDue = false;
    while (running < concurrency && head < queue.length && turnRuns < TURN_RUNS_MAX && !signal.aborted) {
      if (turnRuns === 0) clock.timer(0, nextTurn);
      turnRuns += 1;
      const key = queue[head] ?? '';
      head += 1;
      if (head > QUEUE_SLACK && head * 2 > queue.length) {
        queue = queue.slice(head);
        head = 0;
      }
      const entry = entries.get(key);
      if (entry !== undefined) void runOnce(key, entry);
    }
  };

  const nextTurn = () => {
    turnRuns = 0;
    drain();
  };

  const runOnce = async (key: string, entry: Entry): Promise<void> => {
    running += 1;
    entry.phase = 'running';
    entry.again = false;
    let delayMs: number | undefined;
    try {
      delayMs = await options.run(key, signal);
      entry.failures = 0;
    } catch (error) {
      entry.failures += 1;
      delayMs = backoffMs(entry.failures, options, ids.random());
      if (!signal.aborted) tell(error, { of: key, failures: entry.failures, backoffMs: delayMs }, entry);
    }
    running -= 1;
    if (signal.aborted) stop();
    else if (entry.again && entry.failures === 0) enqueue(key, entry);
    else if (delayMs !== undefined) wait(key, entry, entry.again ? Math.min(delayMs, SIGNALLED_WAIT_MS_MAX) : delayMs);
    else entries.delete(key);
    if (!drainDue) drain();
  };

  const tell = (error: unknown, facts: Readonly<Record<string, unknown>>, entry: Entry) => {
    if (options.isOrdinary?.(error) === true) return log.debug({ ...facts, err: error }, 'run put off');
    if (entry.failures > TOLD_FIRST && clock.monotonic() - entry.toldMs < TOLD_EVERY_MS) return;
    entry.toldMs = clock.monotonic();
    logFailure(log, error, facts);
  };

  const pass = () => {
    for (const key of options.keys?.() ?? []) signalKey(key);
    // A tenth of jitter, so that the loops of one process, and of a fleet started together, drift apart.
    cancelPass = clock.timer(periodMs * (0.9 + ids.random() * 0.2), pass);
  };

  const stop = () => {
    cancelPass();
    for (const entry of entries.values()) entry.cancel();
    if (running === 0) finish();
  };

  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  else pass();
  return { signal: signalKey, idle: () => running === 0 && head >= queue.length, done };
}

/** Doubles from the least to the most, then half of it is chance: full spread without ever being immediate. */
export function backoffMs(
  failures: number,
  { backoffMsMin = BACKOFF_MS_MIN, backoffMsMax = BACKOFF_MS_MAX }: Pick<RunnerOptions, 'backoffMsMin' | 'backoffMsMax'>,
  chance: number,
): number {
  const fullMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 30));
  return fullMs / 2 + (fullMs / 2) * chance;
}

/** One key's bug must not stop the other keys, so it is logged as one and backed off; the world's failures are only warnings. */
function logFailure(log: Log, error: unknown, facts: Readonly<Record<string, unknown>>): void {
  if (error instanceof SkerryError && error.code !== 'Bug') log.warn({ ...facts, err: error }, 'run failed');
  else log.error({ ...facts, err: error }, 'run failed by a bug');
}
