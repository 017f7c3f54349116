import { createAlignment } from './align-columns.ts';

/** A server's Table (meta.k8s.io) as kubectl prints it. */
export type Table = {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions?: readonly Column[] | null;
  readonly rows?: readonly Row[] | null;
};
export type Column = { readonly name: string; readonly type: string; readonly format?: string; readonly priority?: number };
export type Row = { readonly cells: readonly unknown[]; readonly object?: { readonly metadata?: RowMetadata } };
export type RowMetadata = {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
};

export type TableOptions = {
  readonly wide: boolean;
  readonly headers: boolean;
  readonly namespaces: boolean;
  /** `deployment.apps`: put before each name. */
  readonly kind?: string;
  readonly labels: boolean;
  readonly labelColumns: readonly string[];
  /** With what happened (ADDED…) in front. */
  readonly events: boolean;
};

export type TablePrinter = {
  /** Text of a table's rows, headed once for each set of columns. `event`: what happened to them. */
  readonly print: (table: Table, event?: string) => string;
};

/** Prints tables of one type: columns stay aligned with what was printed before. */
export function createTablePrinter(options: TableOptions): TablePrinter {
  const alignment = createAlignment();
  let columns: readonly Column[] = [];
  let isHeaded = false;

  return {
    print: (table, event = '') => {
      const given = table.columnDefinitions ?? [];
      // Tables of a watch say their columns only once.
      if (given.length > 0 && JSON.stringify(given) !== JSON.stringify(columns)) {
        columns = given;
        isHeaded = false;
      }
      const rows = table.rows ?? [];
      if (rows.length === 0) return '';
      const lines = rows.map((row) => lineOf(row, event));
      if (options.headers && !isHeaded) lines.unshift(headLine());
      isHeaded = true;
      return alignment.align(lines);
    },
  };

  function headLine(): string {
    return [
      ...(options.events ? ['EVENT'] : []),
      ...(options.namespaces ? ['NAMESPACE'] : []),
      ...columns.filter(isShown).map(({ name }) => name.toUpperCase()),
      ...options.labelColumns.map((label) => (label.split('/').at(-1) ?? '').toUpperCase()),
      ...(options.labels ? ['LABELS'] : []),
    ].join('\t');
  }

  function lineOf({ cells, object }: Row, event: string): string {
    const { namespace = '', labels = {} } = object?.metadata ?? {};
    const nameAt =
      options.kind === undefined ? -1 : columns.findIndex(({ type, format }) => type === 'string' && format === 'name');
    const shown = cells.flatMap((cell, at) => {
      const column = columns[at];
      if (column === undefined || !isShown(column)) return [];
      return [at === nameAt ? `${options.kind}/${cellText(cell)}` : cellText(cell)];
    });
    return [
      ...(options.events ? [event] : []),
      ...(options.namespaces ? [namespace] : []),
      ...shown,
      ...options.labelColumns.map((label) => (Object.hasOwn(labels, label) ? (labels[label] ?? '') : '')),
      ...(options.labels ? [labelsText(labels)] : []),
    ].join('\t');
  }

  function isShown({ priority = 0 }: Column): boolean {
    return options.wide || priority === 0;
  }
}

const NONE = '<none>';

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? NONE : pairs.toSorted().join(',');
}

/** What moves a terminal's cursor is shown, never sent; a text of several lines is cut after its first. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return escaped(JSON.stringify(cell) ?? '');
  const end = cell.search(/[\f\n\r]/);
  return end < 0 ? escaped(cell) : `${escaped(cell.slice(0, end))}...`;
}

function escaped(text: string): string {
  return text.replaceAll('\x1b', '^[').replaceAll('\r', '\\r');
}
