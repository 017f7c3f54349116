/** The changes that several controllers ask for, as values. What a change does is the pipeline's affair. */
import { semanticEqual } from '#api/equal.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '#api/object.ts';
import type { Change } from '#rest/change.ts';

/** A merge patch of this very object (by uid); nulls remove fields. */
export function mergePatch(resource: string, { metadata }: KubeObject, patch: unknown, subresource?: string): Change {
  return {
    verb: 'patch',
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    patchType: 'merge',
    patch,
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  };
}

/** Sets these conditions of the object's status: strategic, for those of other types are others'. With a revision only as it was read. */
export function conditionsPatch(
  resource: string,
  { metadata }: KubeObject,
  conditions: readonly unknown[],
  resourceVersion?: string,
): Change {
  const { namespace = '', name = '', uid } = metadata;
  return {
    verb: 'patch',
    resource,
    subresource: 'status',
    namespace,
    name,
    patchType: 'strategic',
    patch: { ...(resourceVersion === undefined ? {} : { metadata: { resourceVersion } }), status: { conditions } },
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Makes the object's whole status this one; nothing if it is already. Only for a status with one owner. */
export function statusChange(resource: string, object: KubeObject, next: Readonly<Record<string, unknown>>): readonly Change[] {
  // Sound: a status is an object by every kind's schema.
  const old = (object['status'] ?? {}) as Readonly<Record<string, unknown>>;
  if (semanticEqual(old, next)) return [];
  const gone = Object.keys(old).filter((field) => next[field] === undefined);
  return [
    mergePatch(resource, object, { status: { ...next, ...Object.fromEntries(gone.map((field) => [field, null])) } }, 'status'),
  ];
}

/** Counts that upstream leaves out of JSON when they are zero. */
export function omitZeros<T extends object>(status: T, ...counts: readonly (keyof T)[]): T {
  // Sound: only optional counts are left out.
  return Object.fromEntries(
    Object.entries(status).filter(([field, value]) => value !== 0 || !counts.includes(field as keyof T)),
  ) as T;
}

/** The whole object as read, changed: refused with Conflict if anybody has written it since. For lists that several parties write. */
export function updateChange(resource: string, object: KubeObject, changed: Partial<KubeObject>): Change {
  return { verb: 'update', resource, object: { ...object, ...changed } };
}

export function deleteChange(
  resource: string,
  { metadata }: KubeObject,
  options: {
    readonly gracePeriodSeconds?: number;
    readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
    /** Only as it was read: for what may have been adopted since. */
    readonly unchanged?: boolean;
  } = {},
): Change {
  const { unchanged = false, ...rest } = options;
  return {
    verb: 'delete',
    resource,
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(unchanged && metadata.resourceVersion !== undefined ? { resourceVersion: metadata.resourceVersion } : {}),
    ...rest,
  };
}

/** The reference by which an object controls what it made. */
export function controllerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name = '', uid = '' } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function withOwners(metadata: ObjectMeta, ownerReferences: readonly OwnerReference[]): ObjectMeta {
  return { ...metadata, ownerReferences };
}
