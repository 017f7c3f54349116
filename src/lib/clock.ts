/**
 * Time as an argument. Loops and shells take a Clock, pure code takes `now`; the simulator drives its own (test/sim).
 * Only this file may touch Date and the timers.
 */
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

/** RFC 3339 in UTC with whole seconds, as Kubernetes' metav1.Time: `2026-11-20T18:37:10Z`. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with microseconds, as Kubernetes' metav1.MicroTime: `2026-11-20T18:37:10.123000Z`. */
export function rfc3339Micro(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/** Milliseconds since the epoch of an RFC 3339 time, or undefined if it is none. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
