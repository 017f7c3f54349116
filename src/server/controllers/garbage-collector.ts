/**
 * Deletes what its owners left behind, and holds owners back while their dependents must go first (pkg/controller/garbagecollector):
 * background, foreground (blockOwnerDeletion) and orphaning. Owners are told apart by uid. An owner of a kind that this server does not
 * know counts as being there: nothing is ever deleted for want of knowledge.
 */
import { semanticEqual } from '#api/equal.ts';
import type { KubeObject, OwnerReference } from '#api/object.ts';
import type { Registry } from '#api/registry.ts';
import type { Change } from '#rest/change.ts';
import type { Kept, View } from '../view.ts';
import { deleteChange, updateChange, withOwners } from './changes.ts';
import { disown } from './claim.ts';
import type { Controller, News } from './controller.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';
/** Dependents dealt with in one run; the rest follows at once in the next. */
const BURST_MAX = 500;
const NOTHING: readonly Change[] = [];

/** `registry` gives the present one: kinds may come and go. */
export function garbageCollector(registry: () => Registry): Controller {
  return {
    name: 'generic-garbage-collector',
    keysOf: (news, view) => keysOf(news, view, registry()),
    keys: (view) =>
      registry().resources.flatMap(({ id }) =>
        view
          .list(id)
          .filter(isConcerned)
          .map((object) => keyOf(id, object)),
      ),
    reconcile: (key, view) => {
      const { resource, namespace, name } = parseKey(key);
      const object = view.get(resource, namespace, name);
      return { changes: object === undefined ? NOTHING : changesOf({ resource, object }, view, registry()) };
    },
  };
}

function changesOf(kept: Kept, view: View, registry: Registry): readonly Change[] {
  const { deletionTimestamp, finalizers = [] } = kept.object.metadata;
  if (deletionTimestamp === undefined) return collect(kept, view, registry);
  if (finalizers.includes(ORPHAN)) return orphan(kept, view);
  return finalizers.includes(FOREGROUND) ? foreground(kept, view, registry) : NOTHING;
}

/** The dependents lose the reference, then the owner its finalizer. */
function orphan({ resource, object }: Kept, view: View): readonly Change[] {
  const { uid = '' } = object.metadata;
  const dependents = view.dependents(uid);
  if (dependents.length === 0) return [withoutFinalizer(resource, object, ORPHAN)];
  return dependents.slice(0, BURST_MAX).map((each) => disown(each.resource, each.object, uid));
}

/** The dependents go first; those that say so hold the owner until they are gone. */
function foreground({ resource, object }: Kept, view: View, registry: Registry): readonly Change[] {
  const { uid = '' } = object.metadata;
  const dependents = view.dependents(uid);
  const isHeld = dependents.some(({ object: { metadata } }) =>
    metadata.ownerReferences?.some(
      (owner) =>
        owner.uid === uid &&
        owner.blockOwnerDeletion === true &&
        // What names a kind that is not known here, or an owner that it can not have, is never collected for it.
        placeOf(owner, metadata.namespace ?? '', registry) !== undefined,
    ),
  );
  const left = dependents.filter(({ object: { metadata } }) => metadata.deletionTimestamp === undefined);
  return [
    ...left.slice(0, BURST_MAX).flatMap((each) => collect(each, view, registry)),
    ...(isHeld ? NOTHING : [withoutFinalizer(resource, object, FOREGROUND)]),
  ];
}

/** An object goes when none of its owners is left; one that still has an owner only loses the references to the others. */
function collect({ resource, object }: Kept, view: View, registry: Registry): readonly Change[] {
  const { ownerReferences = [], uid = '', finalizers = [] } = object.metadata;
  if (ownerReferences.length === 0) return NOTHING;
  const owners = ownerReferences.map((reference) => ({ reference, standing: standingOf(reference, object, view, registry) }));
  const there = owners.filter(({ standing }) => standing === 'there').map(({ reference }) => reference);
  if (there.length === owners.length) return NOTHING;
  if (there.length > 0) return [updateChange(resource, object, { metadata: withOwners(object.metadata, there) })];
  const isAwaited = owners.some(({ standing }) => standing === 'waiting');
  const inForeground = finalizers.includes(FOREGROUND) || (isAwaited && view.dependents(uid).length > 0);
  const propagationPolicy = finalizers.includes(ORPHAN) ? 'Orphan' : inForeground ? 'Foreground' : 'Background';
  // Only as it was looked at: somebody may adopt it at this moment.
  return [deleteChange(resource, object, { propagationPolicy, unchanged: true })];
}

/** waiting: on its way out, once its dependents are gone. */
function standingOf(
  reference: OwnerReference,
  { metadata }: KubeObject,
  view: View,
  registry: Registry,
): 'there' | 'gone' | 'waiting' {
  const place = placeOf(reference, metadata.namespace ?? '', registry);
  if (place === undefined) return 'there';
  const owner = view.get(place.resource, place.namespace, reference.name);
  if (owner?.metadata.uid !== reference.uid) return 'gone';
  const { deletionTimestamp, finalizers = [] } = owner.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? 'waiting' : 'there';
}

/** Where the owner would be; undefined where that can not be said: an unknown kind, or a namespaced owner of what has no namespace. */
function placeOf(
  { apiVersion, kind }: OwnerReference,
  namespace: string,
  registry: Registry,
): { readonly resource: string; readonly namespace: string } | undefined {
  const resource = registry.byKind(apiVersion, kind)?.resource;
  if (resource === undefined || (resource.namespaced && namespace === '')) return undefined;
  return { resource: resource.id, namespace: resource.namespaced ? namespace : '' };
}

function withoutFinalizer(resource: string, object: KubeObject, finalizer: string): Change {
  const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  return updateChange(resource, object, { metadata: { ...object.metadata, finalizers } });
}

function keysOf({ resource, before, after }: News, view: View, registry: Registry): readonly string[] {
  const gone = before !== undefined && before.metadata.uid !== after?.metadata.uid ? before : undefined;
  const dependents =
    gone === undefined ? [] : view.dependents(gone.metadata.uid ?? '').map((each) => keyOf(each.resource, each.object));
  const changed = after !== undefined && isConcerned(after) && !semanticEqual(factsOf(before), factsOf(after));
  // An owner in the foreground waits for its dependents to be gone, or to be no longer its own.
  const left =
    before === undefined || semanticEqual(before.metadata.ownerReferences, after?.metadata.ownerReferences) ? undefined : before;
  const owners = (left?.metadata.ownerReferences ?? []).flatMap((reference) => {
    const place = placeOf(reference, left?.metadata.namespace ?? '', registry);
    return place === undefined ? [] : [`${place.resource}/${place.namespace}/${reference.name}`];
  });
  return [...dependents, ...owners, ...(changed ? [keyOf(resource, after)] : [])];
}

/** What of an object can be reason to look at it: its owners, and how it is being deleted. */
function factsOf(object: KubeObject | undefined): unknown {
  const { ownerReferences, deletionTimestamp, finalizers } = object?.metadata ?? {};
  return [ownerReferences, deletionTimestamp, deletionTimestamp === undefined ? [] : finalizers];
}

function isConcerned({ metadata }: KubeObject): boolean {
  const { ownerReferences = [], deletionTimestamp, finalizers = [] } = metadata;
  return (
    ownerReferences.length > 0 ||
    (deletionTimestamp !== undefined && finalizers.some((each) => each === FOREGROUND || each === ORPHAN))
  );
}

function keyOf(resource: string, { metadata }: KubeObject): string {
  return `${resource}/${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

function parseKey(key: string): { readonly resource: string; readonly namespace: string; readonly name: string } {
  const [resource = '', namespace = '', ...name] = key.split('/');
  return { resource, namespace, name: name.join('/') };
}
