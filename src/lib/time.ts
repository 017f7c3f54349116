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

/** Milliseconds since the epoch of an RFC 3339 time of the years 1 to 9999, or undefined if it is none. */
export function parseTime(text: string | undefined): number | undefined {
  const [, date, day, hour] = FORM.exec(text ?? '') ?? [];
  // JavaScript also knows the 30th of February, and 24 o'clock.
  if (text === undefined || date === undefined || hour === '24' || new Date(date).getUTCDate() !== Number(day)) return undefined;
  const ms = Date.parse(text);
  return ms >= MS_MIN && ms <= MS_MAX ? ms : undefined;
}

const FORM = /^(\d{4}-\d{2}-(\d{2}))T(\d{2}):\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
const MS_MIN = Date.parse('0001-01-01T00:00:00Z');
const MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');
