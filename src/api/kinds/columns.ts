/** The columns that most kinds share, and short ways to write the others. */
import type { Column } from '../resource.ts';

export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name of the object, unique for its kind in its namespace.',
  priority: 0,
};

export const AGE_COLUMN: Column = {
  name: 'Age',
  type: 'string',
  description: 'How long ago the object was created.',
  priority: 0,
};

/** Always shown. */
export function column(name: string, type: Column['type'], description: string): Column {
  return { name, type, description, priority: 0 };
}

/** Shown with `-o wide`. */
export function wideColumn(name: string, type: Column['type'], description: string): Column {
  return { name, type, description, priority: 1 };
}

/** Upstream's stand-in for nothing. */
export const NONE = '<none>';

export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? NONE : text);

/** `a=b,c=d`, sorted, as labels.FormatLabels. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return orNone(
    Object.entries(labels ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
}
