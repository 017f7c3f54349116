/**
 * Time as an argument. Loops and shells take a Clock, pure code takes `now`; the simulator drives its own (test/sim).
 * Only this file may touch the timers and read the time; its text form is src/lib/time.ts.
 */
export { parseTime, rfc3339, rfc3339Micro } from './time.ts';

export type Clock = {
  /** Wall time in milliseconds since the epoch; may jump. For display and API timestamps, never for ordering. */
  readonly now: () => number;
  /** Milliseconds since some fixed point of this process; never goes back. */
  readonly monotonic: () => number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  readonly timer: (delayMs: number, fire: () => void) => () => void;
};

const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (delayMs, fire) => {
    const handle = setTimeout(fire, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
    handle.unref();
    return () => clearTimeout(handle);
  },
};

/** Keeps the process alive, which no timer of a Clock does, until the returned function is called. */
export function holdProcess(): () => void {
  const handle = setInterval(() => undefined, TIMER_MS_MAX);
  return () => clearInterval(handle);
}

/** Resolves after `delayMs`, or at once when `signal` aborts: an abort is a normal end, so look at the signal afterwards. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.timer(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
