/**
 * Equality of JSON values as Kubernetes' Semantic.DeepEqual: an absent field, null and an empty list are the same. An empty object is
 * something of its own: `namespaceSelector: {}` means all namespaces. (Maps of nothing do not come this far: conform leaves them out.)
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]));
  if (isRecord(a) && isRecord(b)) return Object.keys({ ...a, ...b }).every((key) => semanticEqual(own(a, key), own(b, key)));
  return false;
}

/** Equality of JSON values to the letter, but for the order of fields. */
export function exactlyEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => exactlyEqual(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && exactlyEqual(a[key], b[key]));
}

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** A field may be named like what every object inherits. */
const own = (record: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(record, key) ? record[key] : undefined;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
