/** The columns that most kinds share, and short ways to write the others. */
import type { KubeObject } from '../object.ts';
import type { Cell, Column } from '../resource.ts';

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

/** Of kinds of which no more is shown than when they were made. */
export const CREATED_COLUMNS: readonly Column[] = [NAME_COLUMN, column('Created At', 'date', 'When it was created.')];

export function createdCells({ metadata }: KubeObject): readonly Cell[] {
  return [metadata.name ?? '', metadata.creationTimestamp ?? null];
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
