/** How long to wait before the next connection: full jitter, so that a fleet that lost its server does not come back as one. Pure. */
export type Attempt = {
  /** Failed or short connections in a row, this one included. */
  readonly failures: number;
  readonly keepaliveMs: number;
  /** The server said no: do not hurry. */
  readonly refused: boolean;
  /** The server said when. */
  readonly retryAfterMs?: number;
};

export const BACKOFF_MS_MIN = 1_000;
export const BACKOFF_MS_MAX = 5 * 60_000;
/** However short the keepalive. */
const CAP_MS_MIN = 5_000;
/** A silent link is found dead after about this many keepalives; waiting much longer than that to try again helps nobody. */
const CAP_KEEPALIVES = 2.5;
/** A connection that held this long starts the count anew. */
export const STABLE_MS = 60_000;
/** Whatever a server says. */
const RETRY_AFTER_MS_MAX = 60 * 60_000;

export function backoffCapMs(keepaliveMs: number): number {
  return Math.max(CAP_MS_MIN, Math.min(BACKOFF_MS_MAX, CAP_KEEPALIVES * keepaliveMs));
}

/** `random` in [0, 1). */
export function backoffMs({ failures, keepaliveMs, refused, retryAfterMs }: Attempt, random: number): number {
  const cap = backoffCapMs(keepaliveMs);
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, RETRY_AFTER_MS_MAX) * (1 + random / 2);
  if (refused) return cap * (0.5 + random / 2);
  return random * Math.min(cap, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 30));
}
