import type { Fetched } from './fetch.ts';
import { kindName } from '../client/resource-types.ts';
import { createTablePrinter, type Table, type TableOptions } from '../output/table.ts';
import type { Target } from './targets.ts';

/** Tables as `get` prints them, as kubectl does. */
export type TableStyle = Omit<TableOptions, 'namespaces' | 'kind' | 'events'> & {
  readonly allNamespaces: boolean;
  readonly withKind: boolean;
};

/** A printer for the rows of one type. */
export function printerFor({ type }: Target, style: TableStyle, events = false) {
  return createTablePrinter({
    ...style,
    namespaces: style.allNamespaces && type.namespaced,
    ...(style.withKind ? { kind: kindName(type) } : {}),
    events,
  });
}

/** Tables of one type after the other, each set of rows with its own heads, an empty line between them. */
export function tablesText(found: readonly Fetched<Table>[], style: TableStyle): string {
  let text = '';
  for (let at = 0; at < found.length;) {
    const first = found[at];
    if (first === undefined) break;
    let end = at;
    while (found[end]?.target.type === first.target.type) end += 1;
    const answers = found.slice(at, end).flatMap((one) => one.answers);
    const rows = answers.flatMap((table) => table.rows ?? []);
    // One text, so that the columns of all chunks and objects are aligned with each other.
    const columnDefinitions = answers.find((table) => (table.columnDefinitions ?? []).length > 0)?.columnDefinitions ?? [];
    const printed = printerFor(first.target, style).print({ columnDefinitions, rows });
    if (printed !== '') text += `${text !== '' && style.headers ? '\n' : ''}${printed}`;
    at = end;
  }
  return text;
}
