import type { ContainerView } from './container-view.ts';
import { graceMsOf, stop, wakeIn, type Draft } from './draft.ts';
import { forgetPod, rememberAddress, type Verdict } from '../memory.ts';

/**
 * How a pod ends: deleted by its owner (stop, remove every trace, tell), or run to its end (a verdict: stop what is left, give back what it
 * held, keep the dead containers for their logs).
 */

/** What sidecars get at least once the others are gone, though the grace may be over (upstream: minimum grace period). */
const SIDECAR_GRACE_MS_MIN = 2_000;

/** Plans a deleted pod's way out. True once nothing is left of it and its end may be told. */
export function planTermination(draft: Draft, views: readonly ContainerView[]): boolean {
  const { item, now } = draft;
  const askedMs = (item.metadata.deletionGracePeriodSeconds ?? graceMsOf(draft) / 1000) * 1000;
  const known = draft.memory.termination;
  const termination = { sinceMs: known?.sinceMs ?? now.runningMs, graceMs: Math.min(known?.graceMs ?? askedMs, askedMs) };
  draft.memory = { ...draft.memory, termination };
  if (stopAll(draft, views, termination.sinceMs + termination.graceMs)) return false;
  return removeTraces(draft);
}

/** Plans what is left to do for a pod that reached its end but is still wanted as a record. */
export function planEnded(draft: Draft, views: readonly ContainerView[]): void {
  if (stopAll(draft, views, draft.now.runningMs + graceMsOf(draft))) return;
  const sandboxes = draft.seen.sandboxes.map(({ id }) => id);
  if (sandboxes.length > 0 || draft.observed.wired.has(draft.pod.uid)) {
    draft.actions.push({ type: 'remove-sandbox', pod: draft.pod, ids: sandboxes });
  } else if (draft.address !== undefined) {
    draft.changes.push(rememberAddress(draft.pod.uid, undefined));
  }
}

export function reachVerdict(draft: Draft, verdict: Verdict): void {
  draft.memory = { ...draft.memory, verdict };
  draft.reports.push({ class: 'decision', body: { type: 'verdict', uid: draft.pod.uid, ...verdict } });
}

/** True while something still runs: app and init containers first, then sidecars, the last one first. */
function stopAll(draft: Draft, views: readonly ContainerView[], deadlineMs: number): boolean {
  const running = views.filter(({ state }) => state === 'running');
  const first = running.filter(({ role }) => role !== 'sidecar');
  for (const view of first) stop(draft, view, deadlineMs, `Stopping container ${view.name}`);
  const sidecar = running.findLast(({ role }) => role === 'sidecar');
  if (first.length === 0 && sidecar !== undefined) {
    stop(draft, sidecar, Math.max(draft.now.runningMs + SIDECAR_GRACE_MS_MIN, deadlineMs), `Stopping container ${sidecar.name}`);
  }
  // Containers that the pod's spec does not name (left by an older spec) go with the rest in removeTraces.
  return running.length > 0;
}

/** True once no trace is left. */
function removeTraces(draft: Draft): boolean {
  const { uid } = draft.pod;
  const ids = [...draft.seen.containers, ...draft.seen.sandboxes].map(({ id }) => id);
  if (ids.length === 0 && !draft.observed.volumes.has(uid) && !draft.observed.wired.has(uid)) return true;
  draft.actions.push({ type: 'remove-pod', pod: draft.pod, ids });
  wakeIn(draft, REMOVE_AGAIN_MS);
  return false;
}

const REMOVE_AGAIN_MS = 5_000;

/** What to forget when a pod is gone: everything but that it is. */
export function forgetTraces(draft: Draft): void {
  const { uid } = draft.pod;
  draft.changes.push(...forgetPod(draft.ledger, uid).filter(({ kind }) => kind !== 'pods'));
  draft.memory = { ...draft.memory, containers: {}, gone: true };
}
