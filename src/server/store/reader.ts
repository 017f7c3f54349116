import type { Clock } from '#lib/clock.ts';
import type { ListQuery, ListResult, Storage } from '#rest/storage.ts';
import type { View } from '../view.ts';
import { olderList } from './older-list.ts';
import type { Ring } from './ring.ts';
import type { Table } from './table.ts';
import type { Watchers } from './watchers.ts';
import type { Writer } from './writer.ts';

/** The two faces of the committed state: asynchronous for the pipeline, synchronous for the loops. */
export function storageOf(table: Table, ring: Ring, watchers: Watchers, writer: Writer): Storage {
  return {
    get: async (key) => table.get(key)?.object,
    list: async (query) => list(query, table, ring, writer.revision),
    watch: (revision, watcher) => watchers.watch(revision, watcher),
    commit: (writes) => writer.commit(writes),
    revision: () => writer.revision,
  };
}

export function viewOf(table: Table, writer: Writer, clock: Clock, openedMs: number): View {
  return {
    get revision() {
      return writer.revision;
    },
    get: (resource, namespace, name) => table.get({ resource, namespace, name })?.object,
    list: (resource, namespace) => table.list(resource, namespace),
    dependents: (ownerUid) => table.dependents(ownerUid),
    uncontrolled: (resource, namespace) => table.uncontrolled(resource, namespace),
    podsOn: (node) => table.podsOn(node),
    sinceWriteMs: (resource, namespace, name) =>
      clock.monotonic() - (table.get({ resource, namespace, name })?.writtenMs ?? openedMs),
  };
}

function list(query: ListQuery, table: Table, ring: Ring, now: number): ListResult {
  const { resource, namespace, after, revision } = query;
  if (revision !== undefined && revision < now) return olderList({ ...query, revision }, table, ring);
  const items =
    after === undefined ? table.list(resource, namespace) : table.rows(resource, namespace, after).map(({ object }) => object);
  return { revision: now, items };
}
