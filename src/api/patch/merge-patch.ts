import type { Json } from '../object.ts';
import { ownOf, setOwn } from './own.ts';

/** RFC 7396: null removes, objects merge, everything else replaces. Bodies are no deeper than the decoder lets through. */
export function applyMergePatch(document: Json, patch: Json): Json {
  if (!isRecord(patch)) return patch;
  const result: Record<string, Json> = isRecord(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, applyMergePatch(ownOf(result, key) ?? null, value));
  }
  return result;
}

export function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
