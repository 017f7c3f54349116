import type { Json } from './object.ts';

/** Objects of parsed JSON, whose fields may have any name, `__proto__` and `constructor` among them: only own ones are meant. */
export type JsonObject = { readonly [key: string]: Json };

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function ownOf(record: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Sets a field, where an assignment to `__proto__` would set the prototype. */
export function setOwn(record: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__') Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  else record[key] = value;
}
