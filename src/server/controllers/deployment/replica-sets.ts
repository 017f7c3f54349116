/** The ReplicaSets of a Deployment: which is the new one, what their annotations say, and how they are made and scaled. Decides nothing. */
import { semanticEqual } from '#api/equal.ts';
import type { Deployment } from '#api/kinds/deployment.ts';
import type { ReplicaSet } from '#api/kinds/replica-set.ts';
import type { PodTemplateSpec } from '#api/kinds/pod.ts';
import type { Change } from '#rest/change.ts';
import { controllerReference, mergePatch } from '../changes.ts';
import type { Note } from '../controller.ts';
import { templateHash } from '../template-hash.ts';
import { maxSurge } from './limits.ts';

export const REPLICA_SETS = 'replicasets.apps';
export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const NOT_COPIED: readonly string[] = [LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX];
/** Kept in the history annotation: upstream cuts it by bytes, which comes to about this. */
const HISTORY_ENTRIES_MAX = 300;

export type Step = { readonly changes: readonly Change[]; readonly notes: readonly Note[] };
export const NO_STEP: Step = { changes: [], notes: [] };

export const replicasOf = (set: ReplicaSet): number => set.spec?.replicas ?? 0;
export const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
export const isActive = (set: ReplicaSet): boolean => replicasOf(set) > 0;
export const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);

/** Of those with the Deployment's template the oldest. */
export function findNew({ spec }: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.toSorted(oldestFirst).find((set) => semanticEqual(withoutHash(set.spec?.template), withoutHash(spec?.template)));
}

export function oldestFirst(a: ReplicaSet, b: ReplicaSet): number {
  const [first, second] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''}/${metadata.name ?? ''}`);
  return (first ?? '') < (second ?? '') ? -1 : 1;
}

export function revisionOf({ metadata }: ReplicaSet | Deployment): number {
  const revision = Number(metadata.annotations?.[REVISION] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** The replicas its Deployment wanted when the set was last scaled. */
export function desiredAnnotation({ metadata }: ReplicaSet): number | undefined {
  const value = metadata.annotations?.[DESIRED];
  return value === undefined || Number.isNaN(Number(value)) ? undefined : Number(value);
}

export function maxAnnotation({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[MAX] ?? 0) || 0;
}

export function newName(deployment: Deployment): string {
  return `${deployment.metadata.name ?? ''}-${hashOf(deployment)}`;
}

export function createNew(deployment: Deployment, revision: number, replicas: number): Step {
  const hash = { [HASH_LABEL]: hashOf(deployment) };
  const { template, selector, minReadySeconds } = deployment.spec ?? {};
  const name = newName(deployment);
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template?.metadata?.labels, ...hash },
      annotations: { ...copiedAnnotations(deployment), ...scaleAnnotations(deployment), [REVISION]: String(revision) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, ...hash } },
      template: {
        ...template,
        metadata: { ...template?.metadata, labels: { ...template?.metadata?.labels, ...hash } },
        spec: template?.spec ?? { containers: [] },
      },
    },
  };
  return {
    changes: [{ verb: 'create', resource: REPLICA_SETS, object: set }],
    notes: replicas === 0 ? [] : [scaled(deployment, name, 0, replicas)],
  };
}

/** Brings what the new set carries over from its Deployment up to date; a set that was new before remembers its former revision. */
export function refreshNew(deployment: Deployment, set: ReplicaSet, revision: number): readonly Change[] {
  const { annotations = {} } = set.metadata;
  const old = revisionOf(set);
  const copied = Object.entries(copiedAnnotations(deployment)).filter(([key, value]) => annotations[key] !== value);
  const raised = old < revision;
  const history = annotations[HISTORY] === undefined || annotations[HISTORY] === '' ? [] : annotations[HISTORY].split(',');
  const next = {
    ...Object.fromEntries(copied),
    ...(raised ? { [REVISION]: String(revision) } : {}),
    ...(raised && old > 0 ? { [HISTORY]: [...history, String(old)].slice(-HISTORY_ENTRIES_MAX).join(',') } : {}),
  };
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
  const readyChanged = (set.spec?.minReadySeconds ?? 0) !== minReadySeconds;
  if (Object.keys(next).length === 0 && !readyChanged) return [];
  return [
    mergePatch(REPLICA_SETS, set, { metadata: { annotations: next }, ...(readyChanged ? { spec: { minReadySeconds } } : {}) }),
  ];
}

/** Sets the size, and the annotations by which the next scaling knows this one. */
export function scaleTo(deployment: Deployment, set: ReplicaSet, replicas: number): Step {
  const before = replicasOf(set);
  const annotations = scaleAnnotations(deployment);
  const known = Object.entries(annotations).every(([key, value]) => set.metadata.annotations?.[key] === value);
  if (before === replicas && known) return NO_STEP;
  return {
    changes: [
      mergePatch(REPLICA_SETS, set, { metadata: { annotations }, ...(before === replicas ? {} : { spec: { replicas } }) }),
    ],
    notes: before === replicas ? [] : [scaled(deployment, set.metadata.name ?? '', before, replicas)],
  };
}

export function joined(steps: readonly Step[]): Step {
  return { changes: steps.flatMap(({ changes }) => changes), notes: steps.flatMap(({ notes }) => notes) };
}

function scaled(about: Deployment, name: string, before: number, after: number): Note {
  const way = after > before ? 'up' : 'down';
  const message = `Scaled ${way} replica set ${name} from ${before} to ${after}`;
  return { about, type: 'Normal', reason: 'ScalingReplicaSet', message };
}

function scaleAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const replicas = deployment.spec?.replicas ?? 1;
  return { [DESIRED]: String(replicas), [MAX]: String(replicas + maxSurge(deployment)) };
}

function copiedAnnotations({ metadata }: Deployment): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.includes(key)));
}

function hashOf({ spec, status }: Deployment): string {
  return templateHash(withoutHash(spec?.template), status?.collisionCount ?? 0);
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  if (template?.metadata?.labels?.[HASH_LABEL] === undefined) return template;
  const labels = Object.fromEntries(Object.entries(template.metadata.labels).filter(([key]) => key !== HASH_LABEL));
  return { ...template, metadata: { ...template.metadata, labels } };
}
