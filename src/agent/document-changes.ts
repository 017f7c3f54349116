import type { Documents } from './ledger/ledger.ts';

/** What a commit of documents concerns, so that one changed pod does not have all others looked at. */

/** Keys that came, went, have other bytes, or are kept though the document names them no more; `*` where what may be removed has changed. */
export function changedKeys(before: Documents, after: Documents): ReadonlySet<string> {
  const changed = new Set<string>();
  if (before.removalsAllowed !== after.removalsAllowed) changed.add('*');
  for (const [key, { hash, retained }] of after.items) {
    const was = before.items.get(key);
    if (was?.hash !== hash || was.retained !== retained) changed.add(key);
  }
  for (const key of before.items.keys()) if (!after.items.has(key)) changed.add(key);
  return changed;
}

/** Uids of the pods concerned; undefined for all of them: many may share what changed. */
export function concernedPods(changed: ReadonlySet<string>): readonly string[] | undefined {
  const uids = [...changed].filter((key) => !OF_NO_POD.test(key)).map((key) => OF_ONE_POD.exec(key)?.[1]);
  return uids.includes(undefined) ? undefined : [...new Set(uids.filter((uid) => uid !== undefined))];
}

const OF_ONE_POD = /^(?:pods|tokens)\/([^/]+)/;
/** What a pod's containers know of services they were told when they were made. */
const OF_NO_POD = /^(?:services|endpoints|peers)\//;
