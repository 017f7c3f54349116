import { SkerryError } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import { collectionPath } from '../client/resource-types.ts';
import { watchChanges, type Change, type Form } from '../client/watch-changes.ts';
import { withQuery, type Page } from '../client/list-pages.ts';
import type { Context } from '../context.ts';
import type { GetFlags } from '../get.ts';
import { jsonText, objectName, withoutManagedFields, yamlText, type PrintedObject } from '../output/object-text.ts';
import { requestSignal } from '../server-flags.ts';
import type { Table } from '../output/table.ts';
import { TABLE, itemsOf, tableOf, type Selection } from './fetch.ts';
import { printerFor, type TableStyle } from './tables-text.ts';
import { pathOf, type Target } from './targets.ts';

/** `skerry get -w`: one collection, or one object of it, until somebody has seen enough. */
export async function runWatch(
  targets: readonly Target[],
  flags: GetFlags,
  { query, chunk }: Selection,
  style: TableStyle,
  client: ApiClient,
  context: Context,
): Promise<void> {
  const [target, ...more] = targets;
  if (target === undefined || more.length > 0)
    throw new SkerryError('Usage', 'you may only specify a single resource type, or a single object, to watch');
  if (flags.sortBy !== undefined)
    throw new SkerryError('Usage', 'watch has no order but that of what happens: leave --sort-by away');
  const { type, namespace, name } = target;
  // An object that is not there is an error, as a collection of it alone would not be.
  if (name !== undefined && flags.watchOnly !== true) await client.send('GET', withQuery(pathOf(target), {}));
  const watched = {
    path: collectionPath(type, namespace),
    query: name === undefined ? query : { ...query, fieldSelector: `metadata.name=${name}` },
    chunk,
  };
  const signal = requestSignal(flags, context.clock);
  const { output, outputWatchEvents } = flags;
  let isFirst = true;
  const skipsFirst = () => {
    const skip = isFirst && flags.watchOnly === true;
    isFirst = false;
    return skip;
  };

  if (output === 'json' || output === 'yaml' || output === 'name') {
    const print = objectPrinter(output, flags.showManagedFields === true, outputWatchEvents === true);
    const tell = async (changes: readonly Change<PrintedObject>[]) => {
      if (skipsFirst()) return;
      for (const { event, object } of changes) await context.write(print(event, object));
    };
    return watchChanges(client, watched, objectForm(target), tell, context, signal);
  }
  const printer = printerFor(target, style, outputWatchEvents === true);
  const tell = async (changes: readonly Change<Table>[]) => {
    const skip = skipsFirst();
    const columnDefinitions =
      changes.find(({ object }) => (object.columnDefinitions ?? []).length > 0)?.object.columnDefinitions ?? [];
    const rows = changes.map(({ event, object }) => ({ event, rows: object.rows ?? [] }));
    const events = [...new Set(rows.map(({ event }) => event))];
    // Rows to which the same happened are aligned as one text.
    const texts = (events.length === 0 ? ['COLUMNS'] : events).map((event) =>
      printer.print(
        { columnDefinitions, rows: skip ? [] : rows.filter((one) => one.event === event).flatMap((one) => one.rows) },
        event,
      ),
    );
    if (texts.join('') !== '') await context.write(texts.join(''));
  };
  return watchChanges(client, watched, TABLE_FORM, tell, context, signal);
}

function objectPrinter(format: 'json' | 'yaml' | 'name', managedFields: boolean, events: boolean) {
  let count = 0;
  return (event: string, object: PrintedObject): string => {
    if (format === 'name') return `${objectName(object)}\n`;
    const shown = managedFields ? object : withoutManagedFields(object);
    const whole = events ? { type: event, object: shown } : shown;
    count += 1;
    if (format === 'json') return jsonText(whole);
    return `${count > 1 ? '---\n' : ''}${yamlText(whole)}`;
  };
}

// Sound, of both forms: fields of any object may be read, and are read as what they are in every release.
const listRevision = (page: unknown): string => (page as Page | null)?.metadata?.resourceVersion ?? '';

function objectForm(target: Target): Form<PrintedObject> {
  return {
    accept: 'application/json',
    parts: (page) => itemsOf(page, target),
    meta: ({ metadata }) => ({ uid: metadata?.uid ?? '', resourceVersion: metadata?.resourceVersion ?? '' }),
    columns: () => undefined,
    listRevision,
  };
}

/** Each row is a table of its own, as it is in the events of a watch. */
const TABLE_FORM: Form<Table> = {
  accept: TABLE,
  parts: (page) => {
    const { columnDefinitions = [], rows } = tableOf(page);
    return (rows ?? []).map((row) => ({ columnDefinitions, rows: [row] }));
  },
  meta: ({ rows, metadata }) => {
    const of = rows?.[0]?.object?.metadata;
    return { uid: of?.uid ?? '', resourceVersion: of?.resourceVersion ?? metadata?.resourceVersion ?? '' };
  },
  columns: (table) =>
    (table.columnDefinitions ?? []).length > 0 ? { columnDefinitions: table.columnDefinitions ?? [], rows: [] } : undefined,
  listRevision,
};
