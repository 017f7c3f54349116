/**
 * How often a probe that goes on failing is told of: at once, then ever more rarely, with the count of what was not told. Each event is a write to the
 * node's disk and a message over its link. Pure.
 */
export type ProbeNews = {
  /** Failures that were not told. */
  readonly untold: number;
  readonly toldMs: number;
  /** How long nothing is told after that; 0: it was never told. */
  readonly quietMs: number;
};

export const NOTHING_TOLD: ProbeNews = { untold: 0, toldMs: 0, quietMs: 0 };

const QUIET_MS_MIN = 30_000;
const QUIET_MS_MAX = 30 * 60_000;

/** `count`: for how many failures the event stands; 0: nothing is told. */
export function afterFailure(news: ProbeNews, nowMs: number): { readonly news: ProbeNews; readonly count: number } {
  const count = news.untold + 1;
  if (news.quietMs > 0 && nowMs - news.toldMs < news.quietMs) return { news: { ...news, untold: count }, count: 0 };
  const quietMs = Math.min(QUIET_MS_MAX, Math.max(QUIET_MS_MIN, news.quietMs * 2));
  return { news: { untold: 0, toldMs: nowMs, quietMs }, count };
}

/** One that was told of lately stays so: a probe that flips at every try would be told of each time. */
export function afterSuccess(news: ProbeNews, nowMs: number): ProbeNews {
  return nowMs - news.toldMs < news.quietMs ? news : NOTHING_TOLD;
}
