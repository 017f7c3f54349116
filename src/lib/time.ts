/**
 * Time as text and back. Apart from clock.ts, which needs Node's timers, so that the pure core (tsconfig.pure.json) can use it;
 * it never reads the time.
 */

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
