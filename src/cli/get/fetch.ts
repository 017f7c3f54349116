import { SkerryError, hasCode } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import { listPages, withQuery } from '../client/list-pages.ts';
import { groupVersionOf } from '../client/resource-types.ts';
import type { PrintedObject } from '../output/object-text.ts';
import type { Table } from '../output/table.ts';
import { pathOf, type Target } from './targets.ts';

/** Asks a server for targets, all at once; each is answered or has failed by itself. */
export const TABLE = ['v1', 'v1beta1']
  .map((version) => `application/json;as=Table;v=${version};g=meta.k8s.io`)
  .concat('application/json')
  .join(',');

export type Selection = {
  readonly query: Readonly<Record<string, string>>;
  readonly chunk: number;
  readonly ignoreNotFound: boolean;
};

export type Fetched<T> = { readonly target: Target; readonly answers: readonly T[] };

export type Fetching<T> = { readonly found: readonly Fetched<T>[]; readonly failures: readonly unknown[] };

export function fetchTables(client: ApiClient, targets: readonly Target[], selection: Selection): Promise<Fetching<Table>> {
  return fetchAll(targets, selection, async (target) => (await answersOf(client, target, selection, TABLE)).map(tableOf));
}

export function fetchObjects(
  client: ApiClient,
  targets: readonly Target[],
  selection: Selection,
): Promise<Fetching<PrintedObject>> {
  return fetchAll(targets, selection, async (target) => {
    const answers = await answersOf(client, target, selection, 'application/json');
    // Sound: objects and lists are what is asked for; a field that is missing is missing in the output.
    return target.name === undefined ? answers.flatMap((page) => itemsOf(page, target)) : (answers as readonly PrintedObject[]);
  });
}

async function fetchAll<T>(
  targets: readonly Target[],
  { ignoreNotFound }: Selection,
  ask: (target: Target) => Promise<readonly T[]>,
): Promise<Fetching<T>> {
  const results = await Promise.allSettled(targets.map(ask));
  const found: Fetched<T>[] = [];
  const failures: unknown[] = [];
  results.forEach((result, at) => {
    const target = targets[at];
    if (result.status === 'fulfilled' && target !== undefined) found.push({ target, answers: result.value });
    if (result.status === 'rejected' && !(ignoreNotFound && hasCode(result.reason, 'NotFound'))) failures.push(result.reason);
  });
  return { found, failures };
}

async function answersOf(
  client: ApiClient,
  target: Target,
  { query, chunk }: Selection,
  accept: string,
): Promise<readonly unknown[]> {
  const path = pathOf(target);
  if (target.name === undefined) return listPages(client, path, query, { accept, chunk });
  return [await client.send('GET', withQuery(path, {}), undefined, { accept })];
}

export function tableOf(answer: unknown): Table {
  // Sound: fields of any object may be read; those of a Table are read as what they are in every release.
  const table = answer as Table & { readonly kind?: unknown };
  if (typeof answer === 'object' && answer !== null && table.kind === 'Table') return table;
  throw new SkerryError('NotAcceptable', 'ask for a table: the server answers none; use -o yaml, json or name');
}

/** Items of a list say their kind only by the list's. */
export function itemsOf(page: unknown, { type }: Target): readonly PrintedObject[] {
  // Sound: as above.
  const { items } = page as { readonly items?: readonly PrintedObject[] | null };
  return (items ?? []).map((item) => ({ apiVersion: groupVersionOf(type), kind: type.kind, ...item }));
}
