/**
 * A DaemonSet's history: one ControllerRevision per template it has had, in the form that `kubectl rollout undo` puts back
 * (pkg/controller/daemon update.go). The current one names the pods that are up to date.
 */
import { semanticEqual } from '#api/equal.ts';
import type { ControllerRevision } from '#api/kinds/controller-revision.ts';
import type { DaemonSet } from '#api/kinds/daemon-set.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { controllerReference, deleteChange, mergePatch } from '../changes.ts';
import { claim } from '../claim.ts';
import { templateHash } from '../template-hash.ts';

export const REVISIONS = 'controllerrevisions.apps';
export const HASH_LABEL = 'controller-revision-hash';
const HISTORY_LIMIT = 10;
/** Of the set's name in that of a revision, as upstream: the hash follows. */
const NAME_LENGTH_MAX = 223;

export type Revisions = {
  /** The label of pods that are up to date. */
  readonly hash: string;
  readonly changes: readonly Change[];
  /** Another object has the name that the current revision would have. */
  readonly collided: boolean;
  readonly old: readonly ControllerRevision[];
};

export function revisionsOf(set: DaemonSet, view: View): Revisions {
  const claimed = claim(view, REVISIONS, set, set.spec?.selector, () => true);
  const all = claimed.owned as readonly ControllerRevision[];
  const data = dataOf(set);
  const newest = Math.max(0, ...all.map(({ revision }) => revision));
  const current = all.filter((each) => semanticEqual(each.data, data)).toSorted((a, b) => b.revision - a.revision)[0];
  const old = all.filter((each) => each !== current);
  if (current !== undefined) {
    const raised = current.revision < newest ? [mergePatch(REVISIONS, current, { revision: newest + 1 })] : [];
    const hash = current.metadata.labels?.[HASH_LABEL] ?? '';
    return { hash, changes: [...claimed.changes, ...raised], collided: false, old };
  }
  const hash = templateHash(set.spec?.template, set.status?.collisionCount ?? 0);
  const { namespace = '', annotations } = set.metadata;
  const name = `${(set.metadata.name ?? '').slice(0, NAME_LENGTH_MAX)}-${hash}`;
  const revision: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace,
      labels: { ...set.spec?.template.metadata?.labels, [HASH_LABEL]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(set)],
    },
    data,
    revision: newest + 1,
  };
  const collided = view.get(REVISIONS, namespace, name) !== undefined;
  const create: Change = { verb: 'create', resource: REVISIONS, object: revision };
  return { hash, changes: [...claimed.changes, ...(collided ? [] : [create])], collided, old };
}

/** Beyond the limit the oldest go, but none that a pod still runs. */
export function cleanUp(set: DaemonSet, old: readonly ControllerRevision[], pods: readonly Pod[]): readonly Change[] {
  const surplus = old.length - (set.spec?.revisionHistoryLimit ?? HISTORY_LIMIT);
  if (surplus <= 0) return [];
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[HASH_LABEL]));
  return old
    .filter(({ metadata }) => !live.has(metadata.labels?.[HASH_LABEL]) && metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => a.revision - b.revision)
    .slice(0, surplus)
    .map((each) => deleteChange(REVISIONS, each));
}

/** A strategic merge patch of the set: kubectl applies it as it stands. */
function dataOf({ spec }: DaemonSet): unknown {
  return { spec: { template: { ...spec?.template, $patch: 'replace' } } };
}
