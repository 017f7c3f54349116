/**
 * Deployments: each template has its ReplicaSet; a rollout moves the pods from the old sets to the new one, in steps within maxSurge and
 * maxUnavailable. One step a run; the sets' answers bring the next. Rolling back is no work of ours: kubectl puts the old template back.
 */
import type { Deployment } from '#api/kinds/deployment.ts';
import { isTerminal, type Pod } from '#api/kinds/pod.ts';
import type { ReplicaSet } from '#api/kinds/replica-set.ts';
import { isEmptySelector } from '#api/kinds/workload/validate-selector.ts';
import { matchesLabelSelector } from '#api/selectors/label-selector.ts';
import { controllerOf } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { deleteChange, mergePatch, statusChange } from '../changes.ts';
import { claim } from '../claim.ts';
import type { Controller, News, Outcome, Refusal } from '../controller.ts';
import { controllerKey, controllerKeys, keyOf, ownKey, parseKey } from '../keys.ts';
import { isRolling } from './limits.ts';
import { hasDeadline, isComplete, plainStatusOf, progressing, statusOf, untilDeadlineMs, type Saying } from './progress.ts';
import {
  createNew,
  findNew,
  joined,
  newName,
  NO_STEP,
  refreshNew,
  replicasOf,
  REPLICA_SETS,
  REVISION,
  revisionOf,
  type Step,
} from './replica-sets.ts';
import { newSize, recreateStep, rollingStep } from './rollout.ts';
import { isScaling, scalingStep } from './scaling.ts';

const RESOURCE = 'deployments.apps';
const HISTORY_LIMIT = 10;

export const deploymentController: Controller = {
  name: 'deployment',
  keysOf,
  keys: (view) => view.list(RESOURCE).map(keyOf),
  reconcile: (key, view, now) => {
    const { namespace, name } = parseKey(key);
    // Sound: the store keeps under this resource only objects of this kind.
    const deployment = view.get(RESOURCE, namespace, name) as Deployment | undefined;
    if (deployment?.spec === undefined || isEmptySelector(deployment.spec.selector)) return { changes: [] };
    return reconcile(deployment, view, now);
  },
};

type Sets = {
  readonly all: readonly ReplicaSet[];
  readonly fresh: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
};

function reconcile(deployment: Deployment, view: View, now: number): Outcome {
  const { owned, changes } = claim(view, REPLICA_SETS, deployment, deployment.spec?.selector, () => true);
  const all = owned as readonly ReplicaSet[];
  const fresh = findNew(deployment, all);
  const sets: Sets = { all, fresh, old: all.filter((set) => set !== fresh) };
  if (deployment.metadata.deletionTimestamp !== undefined)
    return { changes: statusChange(RESOURCE, deployment, plainStatusOf(deployment, fresh, all, undefined, now)) };
  const paused = deployment.spec?.paused === true;
  const plain = paused || isScaling(deployment, all);
  const { step, said, collided } = plain ? steady(deployment, sets, paused) : rollOut(deployment, sets, view);
  const judge = plain ? plainStatusOf : statusOf;
  const status = judge(deployment, fresh, all, said, now);
  const idle = changes.length === 0 && step.changes.length === 0;
  const collisions = collided === true ? { collisionCount: (deployment.status?.collisionCount ?? 0) + 1 } : {};
  const afterMs = plain ? undefined : untilDeadlineMs(deployment, status, now);
  return {
    changes: [
      ...changes,
      ...step.changes,
      ...revisionChange(deployment, sets),
      ...statusChange(RESOURCE, deployment, { ...status, ...collisions }),
      ...(idle && (paused || isComplete(deployment, status)) ? cleanUp(deployment, sets.old) : []),
    ],
    events: step.notes,
    refused: (refusal) => {
      const why = creationError(refusal);
      const failed: Saying | undefined = why === undefined ? undefined : { status: 'False', reason: CREATE_ERROR, message: why };
      const failedStatus = judge(deployment, fresh, all, hasDeadline(deployment) ? failed : undefined, now);
      return {
        changes: statusChange(RESOURCE, deployment, failedStatus),
        events: why === undefined ? [] : [{ about: deployment, type: 'Warning', reason: CREATE_ERROR, message: why }],
      };
    },
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

const CREATE_ERROR = 'ReplicaSetCreateError';

/** Where it is the new ReplicaSet that was refused. */
function creationError({ change, why }: Refusal): string | undefined {
  return change.verb === 'create' ? `Failed to create new replica set "${change.object.metadata.name ?? ''}": ${why}` : undefined;
}

type Did = { readonly step: Step; readonly said?: Saying; readonly collided?: true };

/** Nothing is rolled out while a Deployment is paused or its size changes, but sets keep their proportions. */
function steady(deployment: Deployment, { fresh, old }: Sets, paused: boolean): Did {
  const step = scalingStep(deployment, fresh, old);
  const reason = progressing(deployment)?.reason;
  if (!hasDeadline(deployment) || paused === (reason === 'DeploymentPaused')) return { step };
  return paused ? { step, said: PAUSED } : { step, said: RESUMED };
}

function rollOut(deployment: Deployment, sets: Sets, view: View): Did {
  const { fresh, old } = sets;
  if (progressing(deployment)?.reason === 'DeploymentPaused') return { step: NO_STEP, said: RESUMED };
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (isRolling(deployment)) {
    if (fresh === undefined) return create(deployment, revision, newSize(deployment, 0, old), view);
    const refreshed = refresh(deployment, fresh, revision);
    return refreshed ?? { step: rollingStep(deployment, fresh, old) };
  }
  const refreshed = fresh === undefined ? undefined : refresh(deployment, fresh, revision);
  if (refreshed !== undefined) return refreshed;
  const step = recreateStep(deployment, fresh, old, livePods(old, view));
  return step === 'create' ? create(deployment, revision, deployment.spec?.replicas ?? 1, view) : { step };
}

function create(deployment: Deployment, revision: number, replicas: number, view: View): Did {
  const name = newName(deployment);
  // Another's set of that name, or ours with another template: the next hash counts the collision.
  if (view.get(REPLICA_SETS, deployment.metadata.namespace ?? '', name) !== undefined) return { step: NO_STEP, collided: true };
  const said: Saying = { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` };
  return { step: createNew(deployment, revision, replicas), ...(hasDeadline(deployment) ? { said } : {}) };
}

function refresh(deployment: Deployment, fresh: ReplicaSet, revision: number): Did | undefined {
  const changes = refreshNew(deployment, fresh, revision);
  const found = hasDeadline(deployment) && progressing(deployment) === undefined;
  if (changes.length === 0 && !found) return undefined;
  const said: Saying = {
    status: 'True',
    reason: 'FoundNewReplicaSet',
    message: `Found new replica set "${fresh.metadata.name}"`,
  };
  return { step: joined([{ changes, notes: [] }]), ...(found ? { said } : {}) };
}

const PAUSED: Saying = { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
const RESUMED: Saying = { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };

/** Pods of these sets that have not ended, also those on their way out. */
function livePods(sets: readonly ReplicaSet[], view: View): number {
  return sets
    .flatMap(({ metadata }) => view.dependents(metadata.uid ?? ''))
    .filter(({ resource, object }) => resource === 'pods' && !isTerminal(object as Pod)).length;
}

/** The Deployment's revision is that of its new set, which kubectl shows and rolls back by. */
function revisionChange(deployment: Deployment, { fresh, old }: Sets): readonly Change[] {
  const next = Math.max(fresh === undefined ? 0 : revisionOf(fresh), Math.max(0, ...old.map(revisionOf)) + 1);
  if (fresh === undefined || revisionOf(deployment) === next) return [];
  return [mergePatch(RESOURCE, deployment, { metadata: { annotations: { [REVISION]: String(next) } } })];
}

/** Empty old sets beyond the history limit go, those of the lowest revisions first. */
function cleanUp({ spec }: Deployment, old: readonly ReplicaSet[]): readonly Change[] {
  const alive = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = alive.length - (spec?.revisionHistoryLimit ?? HISTORY_LIMIT);
  if (surplus <= 0) return [];
  return alive
    .toSorted((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, surplus)
    .filter((set) => replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0)
    .filter(({ metadata, status }) => (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0))
    .map((set) => deleteChange(REPLICA_SETS, set));
}

function keysOf(news: News, view: View): readonly string[] {
  if (news.resource === RESOURCE) return ownKey(news);
  if (news.resource === REPLICA_SETS) return [...controllerKeys(news, 'apps', 'Deployment'), ...adopters(news, view)];
  // Recreate waits for the last old pod to be gone.
  const gone = news.resource === 'pods' && (news.after === undefined || isTerminal(news.after as Pod)) ? news.before : undefined;
  return controllerKey(gone, 'apps', 'ReplicaSet').flatMap((key) => {
    const { namespace, name } = parseKey(key);
    return controllerKey(view.get(REPLICA_SETS, namespace, name), 'apps', 'Deployment');
  });
}

function adopters({ after }: News, view: View): readonly string[] {
  if (after === undefined || controllerOf(after) !== undefined) return [];
  return view
    .list(RESOURCE, after.metadata.namespace ?? '')
    .filter((each) => {
      const selector = (each as Deployment).spec?.selector;
      return selector !== undefined && !isEmptySelector(selector) && matchesLabelSelector(selector, after.metadata.labels);
    })
    .map(keyOf);
}
