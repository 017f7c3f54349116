import { isJsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';

/** A value as Go prints it with %v, which upstream's errors about patches show: `map[a:1 b:[x y]]`, keys in order. Long ones are cut. */
const LENGTH_MAX = 1024;

export function goText(value: Json): string {
  const text = whole(value);
  return text.length <= LENGTH_MAX ? text : `${text.slice(0, LENGTH_MAX)}…`;
}

function whole(value: Json): string {
  if (value === null) return '<nil>';
  if (isJsonObject(value)) {
    const keys = Object.keys(value).toSorted();
    return `map[${keys.map((key) => `${key}:${whole(value[key] ?? null)}`).join(' ')}]`;
  }
  // Sound: arrays are the only objects left.
  return typeof value === 'object' ? `[${(value as readonly Json[]).map(whole).join(' ')}]` : String(value);
}
