import type { PodItem } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';
import type { Documents, Memory, MemoryChange } from '../ledger/ledger.ts';
import type { ContainerMemory, PodMemory } from '../memory.ts';
import type { Action, PodEvent, PodName } from './action.ts';
import { STEP_BACKOFF_MS_MAX, STEP_BACKOFF_MS_MIN, doublingMs } from './backoff.ts';
import type { ContainerView } from './container-view.ts';
import type { Now, Observed, ObservedPod, StepFailure } from './observed.ts';

/**
 * The working copy of one pod's plan while it is being made: what is known, and what has been decided so far. Lives for one call of
 * planPod; nothing outside plan/ sees it.
 */
export type Draft = {
  readonly item: PodItem;
  readonly pod: PodName;
  readonly documents: Documents;
  readonly ledger: Memory;
  readonly observed: Observed;
  readonly seen: ObservedPod;
  readonly now: Now;
  memory: PodMemory;
  address: string | undefined;
  readonly actions: Action[];
  readonly changes: MemoryChange[];
  readonly reports: Report[];
  /** Why a container that should run does not, by name. */
  readonly waiting: Map<string, Waiting>;
  wakeMs: number | undefined;
};

export type Waiting = { readonly reason: string; readonly message?: string };

export function podNameOf(item: PodItem): PodName {
  const { uid, namespace, name } = item.metadata;
  return { uid, namespace, name };
}

export function tell(draft: Draft, event: PodEvent): void {
  draft.actions.push({ type: 'event', pod: draft.pod, event });
}

/** Look again in this many milliseconds at the latest. */
export function wakeIn(draft: Draft, afterMs: number): void {
  draft.wakeMs = Math.max(0, Math.min(draft.wakeMs ?? Infinity, afterMs));
}

export function setContainer(draft: Draft, name: string, memory: ContainerMemory): void {
  draft.memory = { ...draft.memory, containers: { ...draft.memory.containers, [name]: memory } };
}

/** The failure of a step if it is still too early to try it again; wakes when it no longer is. */
export function recentFailure(draft: Draft, step: string): StepFailure | undefined {
  const failure = draft.observed.failures.get(`${draft.pod.uid}/${step}`);
  if (failure === undefined) return undefined;
  const leftMs = failure.atMs + doublingMs(failure.failures, STEP_BACKOFF_MS_MIN, STEP_BACKOFF_MS_MAX) - draft.now.runningMs;
  if (leftMs <= 0) return undefined;
  wakeIn(draft, leftMs);
  return failure;
}

/** Orders the stop of a running container, once per attempt, then its end at the deadline, which a later order may only bring nearer. */
export function stop(draft: Draft, view: ContainerView, deadlineMs: number, why: string, probe?: 'startup' | 'liveness'): void {
  const { memory, observed, name } = view;
  if (memory === undefined || observed === undefined) return;
  const order = memory.stop;
  const nowMs = draft.now.runningMs;
  const untilMs = Math.min(order?.untilMs ?? Infinity, deadlineMs);
  const failed = order === undefined ? probe : order.probe;
  if (untilMs !== order?.untilMs)
    setContainer(draft, name, { ...memory, stop: { untilMs, ...(failed === undefined ? {} : { probe: failed }) } });
  const leftMs = untilMs - nowMs;
  if (leftMs <= 0) {
    draft.actions.push({ type: 'kill-container', pod: draft.pod, container: name, id: observed.id });
    return;
  }
  if (!draft.observed.signalled.has(observed.id)) {
    draft.actions.push({ type: 'stop-container', pod: draft.pod, container: name, id: observed.id, graceMs: leftMs, why });
  }
  wakeIn(draft, leftMs);
}

const GRACE_SECONDS_DEFAULT = 30;

export function graceMsOf({ item }: Pick<Draft, 'item'>): number {
  return (item.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT) * 1000;
}
