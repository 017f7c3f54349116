import type { Clock } from '../../src/lib/clock.ts';

/** A clock that stands still until it is told to go on: `advance` fires what falls due, in order, and lets promises settle in between. */
export type ManualClock = Clock & {
  readonly advance: (ms: number) => Promise<void>;
  /** Lets everything run that waits for no time. */
  readonly settle: () => Promise<void>;
};

/** Starts at 2026-01-01T00:00:00Z. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  type Timer = { readonly dueMs: number; readonly fire: () => void };
  let nowMs = 0;
  const timers = new Set<Timer>();
  const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));
  const advance = async (ms: number) => {
    const endMs = nowMs + ms;
    await settle();
    for (;;) {
      const due = [...timers].filter((timer) => timer.dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      nowMs = Math.max(nowMs, due.dueMs);
      timers.delete(due);
      due.fire();
      await settle();
    }
    nowMs = endMs;
  };
  return {
    now: () => startMs + nowMs,
    monotonic: () => nowMs,
    timer: (delayMs, fire) => {
      const timer = { dueMs: nowMs + Math.max(delayMs, 0), fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance,
    settle,
  };
}
