import { isJsonObject, ownOf, setOwn } from '../json-object.ts';
import type { Json } from '../object.ts';

/**
 * RFC 7396: null removes, objects merge, everything else replaces. As upstream does it, nulls within what is new are left out too, also
 * in the objects of a list. Bodies are no deeper than the decoder lets through.
 */
export function applyMergePatch(document: Json, patch: Json): Json {
  if (Array.isArray(patch)) return patch.map((item: Json) => applyMergePatch(null, item));
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, Json> = isJsonObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, applyMergePatch(ownOf(result, key) ?? null, value));
  }
  return result;
}
