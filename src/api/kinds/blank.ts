/** Go's zero value: an absent field and an empty text or zero mean the same where upstream's type is no pointer. */
export function isBlank(value: string | number | null | undefined): value is '' | 0 | null | undefined {
  return value === undefined || value === null || value === '' || value === 0;
}

/** `value`, or `fallback` where it is blank. */
export function orDefault<T extends string | number>(value: T | null | undefined, fallback: T): T {
  return isBlank(value) ? fallback : value;
}

/** Paths of a list's items: `spec.containers[0]`. */
export const at = (path: string, index: number): string => `${path}[${index}]`;

/** Paths of a map's entries: `metadata.labels[key]`. */
export const keyed = (path: string, key: string): string => `${path}[${key}]`;
