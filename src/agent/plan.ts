import type { Documents, Memory } from './ledger/ledger.ts';
import type { Action } from './plan/action.ts';
import { podItem } from './plan/items.ts';
import type { Now, Observed } from './plan/observed.ts';
import { planOrphan } from './plan/orphan-plan.ts';
import { planPod } from './plan/pod-plan.ts';

/**
 * From what should run, what was decided and what is seen to what is to be done next. Pure and level-triggered: the same input gives the
 * same actions, and once they are done a new look gives the next ones. Does no I/O and knows no engine.
 */
export function plan(documents: Documents, memory: Memory, observed: Observed, now: Now): readonly Action[] {
  return podUids(documents, memory, observed).flatMap((uid) => planUid(documents, memory, observed, now, uid));
}

/** The plan of one pod, desired or not. */
export function planUid(documents: Documents, memory: Memory, observed: Observed, now: Now, uid: string): readonly Action[] {
  const item = podItem(documents, uid);
  return item === undefined ? planOrphan(documents, memory, observed, now, uid) : planPod(documents, memory, observed, now, item);
}

/** Every pod there is a reason to look at: desired, seen, or remembered. */
export function podUids(documents: Documents, memory: Memory, observed: Observed): readonly string[] {
  const desired = [...documents.items.values()].flatMap(({ item }) => (item.kind === 'Pod' ? [item.metadata.uid] : []));
  const uids = new Set([...desired, ...observed.pods.keys(), ...observed.volumes.keys(), ...observed.wired.keys()]);
  for (const kind of ['pods', 'addresses', 'statuses']) for (const uid of memory.rows(kind).keys()) uids.add(uid);
  return [...uids];
}
