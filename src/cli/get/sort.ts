import { parseTime } from '#lib/time.ts';
import { compareQuantities, tryParseQuantity } from '#api/quantity.ts';
import { SkerryError } from '#lib/error.ts';
import type { Fetched, Fetching } from './fetch.ts';

/**
 * The order of --sort-by: what a field's path gives of each object. Of JSONPath it knows fields and indexes, no filters and no wildcards. Throws
 * Usage for a path that is none, or that no object has: a slip would look like an order.
 */
export function sortFetched<T>(fetching: Fetching<T>, path: string): Fetching<T> {
  const steps = parsePath(path);
  const objects = fetching.found.flatMap(({ answers }) =>
    answers.flatMap((answer) => rowsOf(answer)?.map((row) => at(row, ['object'])) ?? [answer]),
  );
  if (objects.length > 0 && objects.every((object) => at(object, steps) === undefined))
    throw new SkerryError('Usage', `sort by ${JSON.stringify(path)}: no object that was found has such a field`);
  return { ...fetching, found: fetching.found.map((one) => sortOne(one, steps)) };
}

function sortOne<T>(one: Fetched<T>, steps: readonly string[]): Fetched<T> {
  const [first] = one.answers;
  if (first === undefined || rowsOf(first) === undefined)
    return { ...one, answers: one.answers.toSorted(byKey((object) => at(object, steps))) };
  // Rows of all chunks as one table, since their order goes across them.
  const rows = one.answers.flatMap((table) => rowsOf(table) ?? []);
  const inOrder = rows.toSorted(byKey((row) => at(row, ['object', ...steps])));
  return { ...one, answers: [{ ...first, rows: inOrder }] };
}

function rowsOf(table: unknown): readonly unknown[] | undefined {
  const rows = at(table, ['rows']);
  return Array.isArray(rows) ? rows : undefined;
}

/** `.metadata.name`, `{.spec.containers[0].image}`, `.metadata.labels.app\.kubernetes\.io/name`. Throws Usage. */
export function parsePath(text: string): readonly string[] {
  const inner = (/^\{(.*)\}$/.exec(text)?.[1] ?? text).replace(/^\$/, '').replace(/^(?=[^.[])/, '.');
  const parts = [...inner.matchAll(/\.((?:\\.|[^.[\]\\*?@()])+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]/g)];
  if (inner === '' || parts.map(([part]) => part).join('') !== inner)
    throw new SkerryError('Usage', `sort by ${JSON.stringify(text)}: use the path of a field, like .metadata.creationTimestamp`);
  return parts.map(([, field, index, quoted]) => index ?? (field ?? quoted ?? '').replaceAll(/\\(.)/g, '$1'));
}

function at(value: unknown, steps: readonly string[]): unknown {
  let found = value;
  for (const step of steps) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    // Sound: an own property of an object may be read.
    found = (found as Readonly<Record<string, unknown>>)[step];
  }
  return found;
}

function byKey<T>(keyOf: (item: T) => unknown): (a: T, b: T) => number {
  return (a, b) => compare(keyOf(a), keyOf(b));
}

/** What has no such field comes first; times and amounts by what they mean. */
function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  // Sound: two values make two texts.
  const [x, y] = [a, b].map((value) => (typeof value === 'string' ? value : JSON.stringify(value))) as [string, string];
  const [s, t] = [parseTime(x), parseTime(y)];
  if (s !== undefined && t !== undefined) return s - t;
  const [p, q] = [tryParseQuantity(x), tryParseQuantity(y)];
  if (p !== undefined && q !== undefined) return compareQuantities(p, q);
  return x < y ? -1 : x > y ? 1 : 0;
}
