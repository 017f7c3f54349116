import type { Clock } from '#lib/clock.ts';

/** A rate with a reserve. `take` never refuses: it says how long to stop taking, so that nothing that was sent is lost. */
export type TokenBucket = { readonly take: (tokens: number) => number };

export function createTokenBucket(perSecond: number, burst: number, clock: Pick<Clock, 'monotonic'>): TokenBucket {
  let tokens = burst;
  let atMs = clock.monotonic();
  return {
    take: (wanted) => {
      const nowMs = clock.monotonic();
      tokens = Math.min(burst, tokens + ((nowMs - atMs) * perSecond) / 1_000) - wanted;
      atMs = nowMs;
      return tokens >= 0 ? 0 : (-tokens * 1_000) / perSecond;
    },
  };
}
