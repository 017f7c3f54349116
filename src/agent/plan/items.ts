import type { NodeItem, PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';

/** What the documents say of one pod, and of the node itself, by key (src/api/link/items.ts); undefined where they say nothing. */
export function podItem(documents: Documents, uid: string): PodItem | undefined {
  const item = documents.items.get(`pods/${uid}`)?.item;
  return item?.kind === 'Pod' ? item : undefined;
}

export function nodeItem(documents: Documents): NodeItem | undefined {
  const item = documents.items.get('node')?.item;
  return item?.kind === 'Node' ? item : undefined;
}
