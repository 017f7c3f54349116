import { isJsonObject, setOwn } from '../json-object.ts';
import type { Json } from '../object.ts';

/** The directives of a strategic merge patch, and values without them: what a patch brings that is new in the object. */
export const ORDER = '$setElementOrder';
export const DELETE = '$deleteFromPrimitiveList';
export const RETAIN = '$retainKeys';
export const PATCH = '$patch';

/** Also without nulls. What has a `$patch` is left out whole; undefined if that is the value itself. */
export function undirected(value: Json): Json | undefined {
  if (Array.isArray(value)) return undirectedList(value);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, PATCH)) return undefined;
  const result: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    const kept = item === null || isDirective(key) ? undefined : undirected(item);
    if (kept !== undefined) setOwn(result, key, kept);
  }
  return result;
}

export function undirectedList(list: readonly Json[]): readonly Json[] {
  return list.map(undirected).filter((item) => item !== undefined);
}

function isDirective(key: string): boolean {
  return key === RETAIN || key.startsWith(ORDER) || key.startsWith(DELETE);
}
