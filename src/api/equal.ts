/** Equality of JSON values as Kubernetes' Semantic.DeepEqual: an absent field, null, an empty list and an empty map are the same. */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a)) return isNothing(b) || isEmpty(b);
  if (isNothing(b)) return isEmpty(a);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]));
  if (isRecord(a) && isRecord(b)) return Object.keys({ ...a, ...b }).every((key) => semanticEqual(a[key], b[key]));
  return false;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.values(value).every((part) => isNothing(part) || isEmpty(part));
}

const isNothing = (value: unknown): boolean => value === undefined || value === null;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
