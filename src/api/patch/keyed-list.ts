import { isJsonObject, ownOf } from '../json-object.ts';
import type { Json } from '../object.ts';
import { badRequestError } from '../status.ts';
import { goText } from './go-text.ts';

/**
 * Elements of lists that merge: what tells one from another, a field of theirs or they themselves, and the order in which upstream's
 * strategic merge patch puts them.
 */
export type KeyOf = (item: Json) => Json;

/** `mergeKey`: none where elements are their own key. The result throws 400 for an element without one. */
export function keyBy(mergeKey: string | undefined): KeyOf {
  if (mergeKey === undefined) return (item) => item;
  return (item) => {
    const key = isJsonObject(item) ? ownOf(item, mergeKey) : undefined;
    if (key !== undefined) return key;
    throw badRequestError(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
  };
}

/** Where the first of each key stands. */
export function placesIn(list: readonly Json[], keyOf: KeyOf): Map<Json, number> {
  const places = new Map<Json, number>();
  for (const [place, item] of list.entries()) {
    const key = keyOf(item);
    if (!places.has(key)) places.set(key, place);
  }
  return places;
}

/**
 * Elements that `order` names stand as it says, the others as in the list before (new ones behind them); where both kinds were in it, one
 * that stood in front of another does so again, and what is new comes first.
 */
export function arranged(list: readonly Json[], order: readonly Json[], before: readonly Json[], keyOf: KeyOf): readonly Json[] {
  const [wanted, stood] = [placesIn(order, keyOf), placesIn(before, keyOf)];
  const { named = [], others = [] } = Object.groupBy(list, (item) => (wanted.has(keyOf(item)) ? 'named' : 'others'));
  const sorted = (items: readonly Json[], places: ReadonlyMap<Json, number>) =>
    items.toSorted((a, b) => (places.get(keyOf(a)) ?? list.length) - (places.get(keyOf(b)) ?? list.length));
  return interleaved(sorted(others, stood), sorted(named, wanted), (item) => stood.get(keyOf(item)));
}

function interleaved(
  others: readonly Json[],
  named: readonly Json[],
  stoodAt: (item: Json) => number | undefined,
): readonly Json[] {
  const result: Json[] = [];
  let next = 0;
  for (const item of named) {
    for (let other = others[next]; other !== undefined && isBefore(stoodAt(other), stoodAt(item)); other = others[next]) {
      result.push(other);
      next += 1;
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

function isBefore(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a < b;
}
