import type { Json } from '../object.ts';

/** Fields of parsed JSON by whatever name, `__proto__` and `constructor` among them: only an object's own ones are meant. */
export function ownOf(record: { readonly [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Sets a field, where an assignment to `__proto__` would set the prototype. */
export function setOwn(record: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}
