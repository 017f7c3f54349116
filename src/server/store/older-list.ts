import type { KubeObject } from '#api/object.ts';
import type { Key, ListQuery, ListResult } from '#rest/storage.ts';
import type { Ring } from './ring.ts';
import { comparePlaces, type Table } from './table.ts';

/**
 * A list as it was at an earlier revision: the present one with the commits since then undone, newest first. A revision inside a commit
 * stands for the state before that commit. Throws Expired if the ring does not reach back.
 */
export function olderList(query: ListQuery & { readonly revision: number }, table: Table, ring: Ring): ListResult {
  const { resource, namespace, after, revision } = query;
  if (!ring.reaches(revision, resource)) throw ring.expired(revision, resource);
  const from = ring.sequenceAfter(revision);
  const undone = new Map<string, { readonly key: Key; readonly object: KubeObject | undefined }>();
  for (let sequence = ring.end - 1; sequence >= from; sequence -= 1)
    for (const { key, before } of ring.at(sequence)?.entries.toReversed() ?? [])
      if (key.resource === resource) undone.set(placeText(key), { key, object: before });

  const matches = (key: Key) =>
    (namespace === undefined || key.namespace === namespace) && (after === undefined || comparePlaces(key, after) > 0);
  const kept = table.rows(resource, namespace, after).filter(({ key }) => !undone.has(placeText(key)));
  const back = [...undone.values()].flatMap(({ key, object }) => (object !== undefined && matches(key) ? [{ key, object }] : []));
  const first = ring.at(from)?.first ?? Infinity;
  return {
    revision: Math.min(revision, first - 1),
    items: [...kept, ...back].sort((a, b) => comparePlaces(a.key, b.key)).map(({ object }) => object),
  };
}

function placeText({ namespace, name }: Key): string {
  return `${namespace}/${name}`;
}
