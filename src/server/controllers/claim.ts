/**
 * What belongs to a controller's object: what it controls and selects. What it selects and nobody controls is adopted, what it controls
 * but no longer selects is released (as k8s.io/kubernetes/pkg/controller PodControllerRefManager).
 */
import { isActive, type Pod } from '#api/kinds/pod.ts';
import { matchesLabelSelector } from '#api/selectors/label-selector.ts';
import type { LabelSelector } from '#api/generated/types.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';
import { controllerReference, updateChange, withOwners } from './changes.ts';

export type Claimed<T extends KubeObject> = {
  /** Controlled and selected, those about to be adopted included. */
  readonly owned: readonly T[];
  readonly changes: readonly Change[];
};

export function claimPods(view: View, owner: KubeObject, selector: LabelSelector | undefined): Claimed<Pod> {
  const { owned, changes } = claim(view, 'pods', owner, selector, (object) => isActive(object as Pod));
  return { owned: owned as readonly Pod[], changes };
}

/** `mayAdopt`: whether an object nobody controls is still worth having. */
export function claim(
  view: View,
  resource: string,
  owner: KubeObject,
  selector: LabelSelector | undefined,
  mayAdopt: (object: KubeObject) => boolean,
): Claimed<KubeObject> {
  const { uid = '', namespace = '', deletionTimestamp } = owner.metadata;
  const selects = ({ metadata }: KubeObject) => matchesLabelSelector(selector, metadata.labels);
  const controlled = view
    .dependents(uid)
    .filter((kept) => kept.resource === resource)
    .map(({ object }) => object)
    .filter(({ metadata }) => metadata.ownerReferences?.some((each) => each.uid === uid && each.controller === true) === true);
  const [kept, strays] = [controlled.filter(selects), controlled.filter((object) => !selects(object))];
  // An owner that is going takes nothing in and lets nothing go: the garbage collector decides what becomes of its things.
  if (deletionTimestamp !== undefined) return { owned: kept, changes: [] };
  const orphans = view
    .uncontrolled(resource, namespace)
    .filter((object) => object.metadata.deletionTimestamp === undefined && selects(object) && mayAdopt(object));
  return {
    owned: [...kept, ...orphans],
    changes: [
      ...strays.filter(mayAdopt).map((object) => disown(resource, object, uid)),
      ...orphans.map((object) => adopt(resource, object, owner)),
    ],
  };
}

function adopt(resource: string, object: KubeObject, owner: KubeObject): Change {
  const references = [...(object.metadata.ownerReferences ?? []), controllerReference(owner)];
  return updateChange(resource, object, { metadata: withOwners(object.metadata, references) });
}

/** Takes the reference to this owner away. */
export function disown(resource: string, object: KubeObject, ownerUid: string): Change {
  const references = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== ownerUid);
  return updateChange(resource, object, { metadata: withOwners(object.metadata, references) });
}
