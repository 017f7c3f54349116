import { fieldsOf } from '#lib/json-field.ts';

/**
 * Keeps of JSON that others wrote what is known to be harmless, and nothing else: a field that a later engine invents is left out until somebody
 * has looked at it. Pure.
 */
export type Shape =
  /** A text, a number, true, false or null. */
  | 'plain'
  /** An array of what has the shape. */
  | readonly [Shape]
  /** An object, of which the named fields are kept. */
  | { readonly [field: string]: Shape }
  /** A function of the whole value, for what no shape can say. */
  | ((value: unknown) => unknown);

/** What does not have the shape is left out; undefined where nothing is left. */
export function allow(value: unknown, shape: Shape): unknown {
  if (typeof shape === 'function') return shape(value);
  if (shape === 'plain') return value === null || ['string', 'number', 'boolean'].includes(typeof value) ? value : undefined;
  if (isList(shape))
    return Array.isArray(value)
      ? value.map((element) => allow(element, shape[0])).filter((kept) => kept !== undefined)
      : undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = fieldsOf(value);
  const kept = Object.entries(shape).flatMap(([name, inner]) => {
    const left = Object.hasOwn(fields, name) ? allow(fields[name], inner) : undefined;
    return left === undefined ? [] : [[name, left] as const];
  });
  return Object.fromEntries(kept);
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);
