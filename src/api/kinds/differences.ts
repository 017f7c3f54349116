/** What differs between two JSON values, as lines for people: `spec.hostname: "a" → "b"`. At most DIFFERENCES_MAX of them. */
import { semanticEqual } from '../equal.ts';

export const DIFFERENCES_MAX = 10;
const SHOWN_LENGTH_MAX = 200;

export function differences(before: unknown, after: unknown, path: string): readonly string[] {
  const all = walk(before, after, path);
  return all.length <= DIFFERENCES_MAX ? all : [...all.slice(0, DIFFERENCES_MAX), `and ${all.length - DIFFERENCES_MAX} more`];
}

function walk(before: unknown, after: unknown, path: string): readonly string[] {
  if (semanticEqual(before, after)) return [];
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => walk(before[key], after[key], `${path}.${key}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) => walk(item, after[index], `${path}[${index}]`));
  }
  return [`${path}: ${show(before)} → ${show(after)}`];
}

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
