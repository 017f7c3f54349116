/**
 * Canonical JSON as text: keys sorted by UTF-16 code unit, no spaces, fields that are undefined left out, numbers and strings as JSON.stringify writes them
 * (a subset of RFC 8785). For any JSON value there is one text, whatever order its fields came in. Knows no hash, so that the pure core can use it.
 */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => (item === undefined ? 'null' : canonicalText(item))).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalText(field)}`);
  return `{${fields.join(',')}}`;
}
