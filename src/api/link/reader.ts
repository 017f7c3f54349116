import { SkerryError } from '#lib/error.ts';
import type { Json } from '../object.ts';

/**
 * Reads JSON that another machine wrote: each function takes a value and the place it stands at, and gives it back typed or throws
 * SkerryError `BadMessage` naming that place. Fields nobody asks for are left alone, so that a later release may add some.
 */
export type Fields = { readonly [name: string]: unknown };

export function fields(value: unknown, place: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(place, 'an object', value);
  // Just checked to be an object; its fields stay unknown.
  return value as Fields;
}

export function text(value: unknown, place: string, lengthMax: number): string {
  if (typeof value !== 'string') throw bad(place, 'a text', value);
  if (value.length > lengthMax) throw bad(place, `a text of at most ${lengthMax} characters`, `${value.length} characters`);
  return value;
}

/** A text that matches; `what` says in words what it should be. */
export function matching(value: unknown, place: string, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw bad(place, what, value);
  return value;
}

/** A whole number from 0 (or `min`) to 2^53 - 1 (or `max`). */
export function count(value: unknown, place: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw bad(place, `a whole number from ${min} to ${max}`, value);
  return value;
}

export function flag(value: unknown, place: string): boolean {
  if (typeof value !== 'boolean') throw bad(place, 'true or false', value);
  return value;
}

export function list<T>(
  value: unknown,
  place: string,
  lengthMax: number,
  item: (value: unknown, place: string) => T,
): readonly T[] {
  if (!Array.isArray(value)) throw bad(place, 'a list', value);
  if (value.length > lengthMax) throw bad(place, `a list of at most ${lengthMax} items`, `${value.length} items`);
  return value.map((entry, index) => item(entry, `${place}[${index}]`));
}

export function oneOf<T extends string>(value: unknown, place: string, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw bad(place, words.join(' or '), value);
  return found;
}

/** `undefined` for a field that is not there, else what `read` makes of it. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}

/** JSON of any shape, but not so deep that whoever walks it runs out of stack. Absent is null. */
export function json(value: unknown, place: string, depth = 0): Json {
  if (depth > DEPTH_MAX) throw bad(place, `at most ${DEPTH_MAX} levels deep`, 'a deeper one');
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) json(inner, place, depth + 1);
  // Only called on what JSON.parse gave, or on nothing.
  return value === undefined ? null : (value as Json);
}

const DEPTH_MAX = 64;
const SHOWN_MAX = 40;

function bad(place: string, wanted: string, got: unknown): SkerryError {
  const shown =
    typeof got === 'object' && got !== null ? 'something else' : (JSON.stringify(got) ?? 'nothing').slice(0, SHOWN_MAX);
  return new SkerryError('BadMessage', `read a link message: ${place} should be ${wanted}, not ${shown}`);
}
