/**
 * ReplicaSets: as many active pods as wanted. Pods on nodes that are out of reach are still there and still count
 * (ARCHITECTURE.md, Deviations); who must go first is decided by ./pod-ranking.ts.
 */
import {
  availableAt,
  isActive,
  isPodAvailable,
  isPodReady,
  isTerminal,
  isTerminating,
  podCondition,
  type Pod,
} from '#api/kinds/pod.ts';
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#api/kinds/replica-set.ts';
import { matchesLabelSelector } from '#api/selectors/label-selector.ts';
import { controllerOf } from '#api/object.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';
import { controllerReference, deleteChange, omitZeros, statusChange } from './changes.ts';
import { claimPods } from './claim.ts';
import type { Controller, News, Outcome, Refusal } from './controller.ts';
import { controllerKeys, keyOf, ownKey, parseKey } from './keys.ts';
import { byDeletionOrder } from './pod-ranking.ts';
import { podFromTemplate } from './pod-template.ts';

const RESOURCE = 'replicasets.apps';
/** Created or deleted in one run; the rest follows at once in the next. */
export const BURST_MAX = 500;
/** Pods that were evicted younger than this were made where they may not be, as those of a template that names a tainted node. */
const EVICTED_YOUNG_MS = 10_000;
/** So many of them are chance; more are a fight, in which this set waits ever longer before its next pod. */
const EVICTED_YOUNG_MAX = 3;
const FIGHT_WAIT_MS_MAX = 5 * 60_000;

export const replicaSetController: Controller = {
  name: 'replicaset',
  keysOf,
  keys: (view) => view.list(RESOURCE).map(keyOf),
  reconcile: (key, view, now) => {
    const { namespace, name } = parseKey(key);
    // Sound: the store keeps under this resource only objects of this kind.
    const set = view.get(RESOURCE, namespace, name) as ReplicaSet | undefined;
    return set === undefined ? { changes: [] } : reconcile(set, view, now);
  },
};

function reconcile(set: ReplicaSet, view: View, now: number): Outcome {
  const { owned, changes } = claimPods(view, set, set.spec?.selector);
  const active = owned.filter(isActive);
  const going = set.metadata.deletionTimestamp !== undefined;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const waitMs = fightMs(owned, now);
  const looks = active.map((pod) => availableAt(pod, minReadySeconds, now) - now).filter((ms) => ms > 0 && Number.isFinite(ms));
  const next = waitMs > 0 ? [...looks, waitMs] : looks;
  const status = statusOf(set, owned, active, now);
  return {
    changes: [
      ...changes,
      ...(going ? [] : scale(set, active, view, now).filter(({ verb }) => waitMs <= 0 || verb !== 'create')),
      ...statusChange(RESOURCE, set, withFailure(status, undefined)),
    ],
    refused: (refusal) => ({
      changes: statusChange(RESOURCE, set, withFailure(status, conditionOf(set, FAILURE) ?? failureOf(refusal, now))),
    }),
    ...(next.length === 0 ? {} : { afterMs: Math.min(...next) }),
  };
}

/** Until the next pod may be made: somebody evicts them as fast as they are made, and where their node is away none of them ever goes. */
function fightMs(owned: readonly Pod[], now: number): number {
  const lost = owned.filter(wasEvictedYoung);
  if (lost.length <= EVICTED_YOUNG_MAX) return 0;
  const last = Math.max(...lost.map(({ metadata }) => parseTime(metadata.creationTimestamp) ?? 0));
  const waitMs = Math.min(FIGHT_WAIT_MS_MAX, 1_000 * 2 ** (lost.length - EVICTED_YOUNG_MAX));
  return Math.min(waitMs, last + waitMs - now);
}

function wasEvictedYoung(pod: Pod): boolean {
  const since = parseTime(podCondition(pod, 'DisruptionTarget')?.lastTransitionTime);
  const made = parseTime(pod.metadata.creationTimestamp);
  return isTerminating(pod) && since !== undefined && made !== undefined && since - made < EVICTED_YOUNG_MS;
}

function scale(set: ReplicaSet, active: readonly Pod[], view: View, now: number): readonly Change[] {
  const surplus = active.length - (set.spec?.replicas ?? 1);
  if (surplus < 0) {
    const pod = podFromTemplate(set, set.spec?.template, { owner: controllerReference(set) });
    return Array.from({ length: Math.min(-surplus, BURST_MAX) }, (): Change => ({
      verb: 'create',
      resource: 'pods',
      object: pod,
    }));
  }
  if (surplus === 0) return [];
  return byDeletionOrder(active, related(set, view), now)
    .slice(0, Math.min(surplus, BURST_MAX))
    .map((pod) => deleteChange('pods', pod));
}

/** Active pods of this set and of its siblings under one Deployment: of those crowded on one node one goes first. */
function related(set: ReplicaSet, view: View): readonly Pod[] {
  const owner = controllerOf(set);
  const siblings = owner === undefined ? [set] : view.dependents(owner.uid).map(({ object }) => object);
  return siblings
    .flatMap(({ metadata }) => view.dependents(metadata.uid ?? ''))
    .filter(({ resource }) => resource === 'pods')
    .map(({ object }) => object as Pod)
    .filter(isActive);
}

function statusOf(set: ReplicaSet, owned: readonly Pod[], active: readonly Pod[], now: number): ReplicaSetStatus {
  const { conditions } = set.status ?? {};
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const labels = set.spec?.template?.metadata?.labels ?? {};
  const status: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => matchesLabelSelector({ matchLabels: labels }, metadata.labels)).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, now)).length,
    terminatingReplicas: owned.filter((pod) => isTerminating(pod) && !isTerminal(pod)).length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions === undefined ? {} : { conditions }),
  };
  return omitZeros(status, 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration');
}

const FAILURE = 'ReplicaFailure';

function conditionOf({ status }: ReplicaSet, type: string): ReplicaSetCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Pods that are refused, or can not be deleted. Said once: later refusals may be worded otherwise, as for other names. */
function failureOf({ change, why: message }: Refusal, now: number): ReplicaSetCondition | undefined {
  if (!('resource' in change) || change.resource !== 'pods' || (change.verb !== 'create' && change.verb !== 'delete'))
    return undefined;
  const reason = change.verb === 'create' ? 'FailedCreate' : 'FailedDelete';
  return { type: FAILURE, status: 'True', reason, message, lastTransitionTime: rfc3339(now) };
}

function withFailure(status: ReplicaSetStatus, failure: ReplicaSetCondition | undefined): ReplicaSetStatus {
  const { conditions: before = [], ...counts } = status;
  const others = before.filter(({ type }) => type !== FAILURE);
  const conditions = [...others, ...(failure === undefined ? [] : [failure])];
  return { ...counts, ...(conditions.length === 0 ? {} : { conditions }) };
}

function keysOf(news: News, view: View): readonly string[] {
  if (news.resource === RESOURCE) return ownKey(news);
  if (news.resource !== 'pods') return [];
  const keys = controllerKeys(news, 'apps', 'ReplicaSet');
  const { after } = news;
  if (after === undefined || controllerOf(after) !== undefined) return keys;
  const adopters = view
    .list(RESOURCE, after.metadata.namespace ?? '')
    // Sound: as above.
    .filter((set) => matchesLabelSelector((set as ReplicaSet).spec?.selector, after.metadata.labels));
  return [...keys, ...adopters.map(keyOf)];
}
