/**
 * A Deployment's status and its conditions Available and Progressing (pkg/controller/deployment progress.go, sync.go). Progress is any
 * change for the better; a rollout that shows none for progressDeadlineSeconds has timed out, and goes on all the same.
 */
import type { Deployment, DeploymentCondition, DeploymentStatus } from '#api/kinds/deployment.ts';
import type { ReplicaSet } from '#api/kinds/replica-set.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import { omitZeros } from '../changes.ts';
import { maxUnavailable } from './limits.ts';
import { availableOf, replicasOf, sum } from './replica-sets.ts';

/** Upstream's way of saying that there is no deadline. */
const NO_DEADLINE_SECONDS = 2 ** 31 - 1;
const AVAILABLE_REASON = 'NewReplicaSetAvailable';
const TIMED_OUT_REASON = 'ProgressDeadlineExceeded';

export type Saying = { readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string; readonly message: string };

/** `said`: what this run has done that is worth a word, before progress is judged. */
export function statusOf(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  said: Saying | undefined,
  now: number,
): DeploymentStatus {
  const { conditions: noted = [], ...counted } = plainStatusOf(deployment, fresh, sets, said, now);
  const judged = progressed(deployment, counted, fresh, noted, now);
  const conditions = [...judged.filter(({ type }) => type !== FAILURE), ...failureOf(fresh, sets)];
  return { ...counted, ...(conditions.length === 0 ? {} : { conditions }) };
}

const FAILURE = 'ReplicaFailure';

/** What the new set says of pods that were refused; else what any of the others says. */
function failureOf(fresh: ReplicaSet | undefined, sets: readonly ReplicaSet[]): readonly DeploymentCondition[] {
  const failures = [...(fresh === undefined ? [] : [fresh]), ...sets].flatMap(
    ({ status }) => status?.conditions?.filter(({ type }) => type === FAILURE) ?? [],
  );
  const [failure] = failures;
  if (failure === undefined) return [];
  const { lastTransitionTime } = failure;
  return [{ ...failure, ...(lastTransitionTime === undefined ? {} : { lastUpdateTime: lastTransitionTime }) }];
}

/** Without judging progress: for Deployments that are paused, being scaled or deleted. */
export function plainStatusOf(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  said: Saying | undefined,
  now: number,
): DeploymentStatus {
  const counted = countsOf(deployment, fresh, sets);
  const noted = said === undefined ? conditionsOf(deployment) : setCondition(conditionsOf(deployment), 'Progressing', said, now);
  const conditions = availability(deployment, counted, noted, now);
  return { ...counted, ...(conditions.length === 0 ? {} : { conditions }) };
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const { replicas = 1 } = spec ?? {};
  const { updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  const all = status.replicas ?? 0;
  return (
    updatedReplicas === replicas &&
    all === replicas &&
    availableReplicas === replicas &&
    observedGeneration >= (metadata.generation ?? 0)
  );
}

export function hasDeadline({ spec }: Deployment): boolean {
  return spec?.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE_SECONDS;
}

export function progressing({ status }: Deployment): DeploymentCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Progressing');
}

/** When to look at a rollout again that may by then have timed out. */
export function untilDeadlineMs(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const condition = status.conditions?.find(({ type }) => type === 'Progressing');
  if (!hasDeadline(deployment) || condition === undefined || isComplete(deployment, status)) return undefined;
  if (condition.reason === AVAILABLE_REASON || condition.reason === TIMED_OUT_REASON) return undefined;
  return Math.max(0, deadlineOf(deployment, condition, now) - now) + 1_000;
}

function countsOf(deployment: Deployment, fresh: ReplicaSet | undefined, sets: readonly ReplicaSet[]): DeploymentStatus {
  const replicas = sum(sets, ({ status }) => status?.replicas ?? 0);
  const availableReplicas = sum(sets, availableOf);
  const { collisionCount } = deployment.status ?? {};
  const counts: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: sum(sets, ({ status }) => status?.readyReplicas ?? 0),
    availableReplicas,
    // Of those asked for, not of those there are: pods that can not be made are unavailable, too.
    unavailableReplicas: Math.max(0, sum(sets, replicasOf) - availableReplicas),
    terminatingReplicas: sum(sets, ({ status }) => status?.terminatingReplicas ?? 0),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  return omitZeros(
    counts,
    'observedGeneration',
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
  );
}

function availability(
  deployment: Deployment,
  { availableReplicas = 0 }: DeploymentStatus,
  conditions: readonly DeploymentCondition[],
  now: number,
): readonly DeploymentCondition[] {
  const enough = availableReplicas >= (deployment.spec?.replicas ?? 1) - maxUnavailable(deployment);
  const saying: Saying = enough
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : { status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Deployment does not have minimum availability.' };
  return setCondition(conditions, 'Available', saying, now);
}

function progressed(
  deployment: Deployment,
  status: DeploymentStatus,
  fresh: ReplicaSet | undefined,
  conditions: readonly DeploymentCondition[],
  now: number,
): readonly DeploymentCondition[] {
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== 'Progressing');
  const current = conditions.find(({ type }) => type === 'Progressing');
  if (status.replicas === status.updatedReplicas && current?.reason === AVAILABLE_REASON) return conditions;
  const what = fresh === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${fresh.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${what} has successfully progressed.`;
    return setCondition(conditions, 'Progressing', { status: 'True', reason: AVAILABLE_REASON, message }, now);
  }
  if (isBetter(status, deployment.status ?? {})) {
    const saying: Saying = { status: 'True', reason: 'ReplicaSetUpdated', message: `${what} is progressing.` };
    // The time of the last update is what the deadline counts from, so it moves with every bit of progress.
    return setCondition(
      conditions.filter((each) => each !== current),
      'Progressing',
      saying,
      now,
      current,
    );
  }
  const isLate = current !== undefined && current.reason !== AVAILABLE_REASON && deadlineOf(deployment, current, now) < now;
  if (!isLate) return conditions;
  return setCondition(
    conditions,
    'Progressing',
    { status: 'False', reason: TIMED_OUT_REASON, message: `${what} has timed out progressing.` },
    now,
  );
}

/** More updated, fewer old, more ready or more available than before. */
function isBetter(next: DeploymentStatus, last: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (next.updatedReplicas ?? 0) > (last.updatedReplicas ?? 0) ||
    old(next) < old(last) ||
    (next.readyReplicas ?? 0) > (last.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (last.availableReplicas ?? 0)
  );
}

function deadlineOf({ spec }: Deployment, condition: DeploymentCondition, now: number): number {
  return (parseTime(condition.lastUpdateTime) ?? now) + (spec?.progressDeadlineSeconds ?? 0) * 1_000;
}

function conditionsOf({ status }: Deployment): readonly DeploymentCondition[] {
  return status?.conditions ?? [];
}

/** One of the same status and reason stays as it is. `before` stands in for one that was taken out to be renewed. */
function setCondition(
  conditions: readonly DeploymentCondition[],
  type: string,
  saying: Saying,
  now: number,
  before = conditions.find((each) => each.type === type),
): readonly DeploymentCondition[] {
  const others = conditions.filter((each) => each.type !== type);
  if (before !== undefined && conditions.includes(before) && before.status === saying.status && before.reason === saying.reason)
    return conditions;
  const time = rfc3339(now);
  const lastTransitionTime = before?.status === saying.status ? (before.lastTransitionTime ?? time) : time;
  return [...others, { type, ...saying, lastUpdateTime: time, lastTransitionTime }];
}
