import { semanticEqual } from '#api/equal.ts';
import type { FieldError } from '#api/field-error.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#api/kinds/meta.ts';
import type { KubeObject } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import { MODIFIED, conflictError, invalidError, isConflict, notFoundError } from '#api/status.ts';
import { deniedError } from '../denied.ts';
import type { Call } from '../options.ts';
import type { Target } from '../request.ts';
import { admit, mutate } from './admit.ts';
import { commitObject, keyOf } from './commit.ts';
import { createObject } from './create.ts';
import { isRemovable } from './delete.ts';
import { withField } from './with-field.ts';

/**
 * PUT, PATCH and the writes of subresources: read, apply, the kind's rules, admission, commit at the revision read. On a conflict it
 * is done again on the newer object, unless the caller said which revision he means.
 */
export type Application = {
  /** The wished-for object from the present one. Called again after a conflict. */
  readonly apply: (old: KubeObject) => KubeObject;
  /** What is created where there is nothing: a PUT of a kind that allows it. */
  readonly createFrom?: KubeObject;
  /** For subresources of type create: their rules were checked while applying, and what they set, status too, may be immutable otherwise. */
  readonly trusted?: boolean;
};

const ATTEMPTS_MAX = 10;

export async function updateObject(
  call: Call,
  name: string,
  application: Application,
): Promise<{ readonly object: KubeObject; readonly created: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const old = await call.api.storage.get(keyOf(call.resource, call.namespace, name));
    if (old === undefined) {
      if (application.createFrom === undefined)
        throw notFoundError({ group: call.resource.group, name: call.resource.plural }, name);
      return { object: await createMissing(call, name, application.createFrom), created: true };
    }
    const wished = application.apply(old);
    checkUid(call, name, wished, old.metadata.uid ?? '');
    checkRevision(call, name, wished, old);
    try {
      return { object: await updateOnce(call, name, wished, old, application.trusted === true), created: false };
    } catch (error) {
      // Done again, a caller who named a revision meets it in the check above.
      if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw error;
      // What it lost against may be on its way to the disk still, and not to be read before it is there.
      await call.api.storage.commit([]);
    }
  }
}

async function updateOnce(call: Call, name: string, wished: KubeObject, old: KubeObject, trusted: boolean): Promise<KubeObject> {
  const { resource } = call;
  const { strategy } = resource;
  const whole = strategy.default({ ...wished, metadata: keptMetadata(wished, old) });
  const scoped = trusted ? whole : scopeOf(call, whole, old);
  const mutated = strategy.default(await mutate(call, name, scoped, old));
  const next = withGeneration(call, mutated, old);
  const errors = [
    ...validateObjectMetaUpdate(next, old),
    ...validateObjectMeta(resource, next),
    ...rules(call, next, old, trusted),
  ];
  if (errors.length > 0) throw invalidError({ group: resource.group, name: resource.kind }, name, errors);
  await admit(call, name, next, old);
  const key = keyOf(resource, call.namespace, name);
  if (isRemovable(next)) {
    await commitObject(call, key, old, undefined);
    return next;
  }
  if (semanticEqual(next, old)) return old;
  return (await commitObject(call, key, old, next)) ?? next;
}

/** What each door may change: the main one everything but status, the status one only that, others what they say. */
function scopeOf(call: Call, wished: KubeObject, old: KubeObject): KubeObject {
  const { resource, subresource } = call;
  const { strategy } = resource;
  const door = resource.subresources[subresource];
  if (door?.type === 'status') {
    const metadata = { ...omit(wished.metadata, 'ownerReferences'), ...ownersOf(old) };
    const told = withField({ ...old, metadata }, 'status', wished.status);
    return strategy.prepareForStatusUpdate?.(told, old) ?? told;
  }
  if (door?.type === 'update') return door.prepare(wished, old);
  const prepared = strategy.prepareForUpdate?.(wished, old) ?? wished;
  return resource.subresources.status === undefined ? prepared : withField(prepared, 'status', old.status);
}

function ownersOf(old: KubeObject): Partial<KubeObject['metadata']> {
  return old.metadata.ownerReferences === undefined ? {} : { ownerReferences: old.metadata.ownerReferences };
}

function rules(call: Call, next: KubeObject, old: KubeObject, trusted: boolean): readonly FieldError[] {
  const { strategy, subresources } = call.resource;
  if (subresources[call.subresource]?.type === 'status') return strategy.validateStatusUpdate?.(next, old) ?? [];
  return [...strategy.validate(next), ...(trusted ? [] : (strategy.validateUpdate?.(next, old) ?? []))];
}

/** Set once and for all, or by the server alone: whatever is sent for these is left aside, but for a uid, which was compared. */
function keptMetadata({ metadata: wished }: KubeObject, { metadata: old }: KubeObject): KubeObject['metadata'] {
  const kept = Object.fromEntries(KEPT.flatMap((field) => (old[field] === undefined ? [] : [[field, old[field]]])));
  return { ...omit(wished, ...KEPT, 'managedFields'), ...kept };
}

const KEPT = [
  'namespace',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

function withGeneration(call: Call, next: KubeObject, old: KubeObject): KubeObject {
  const counted = call.resource.strategy.generation;
  if (counted === undefined || semanticEqual(countedOf(next, counted), countedOf(old, counted))) return next;
  return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}

function countedOf(object: KubeObject, counted: 'spec' | 'object'): unknown {
  return counted === 'spec' ? object['spec'] : { ...object, metadata: { labels: object.metadata.labels } };
}

/** A PUT of what is not there, which upstream creates whatever revision it names, but not where it means a certain object. */
async function createMissing(call: Call, name: string, body: KubeObject): Promise<KubeObject> {
  checkUid(call, name, body, '');
  await checkMayCreate(call, name);
  return createObject(call, { ...body, metadata: omit(body.metadata, 'resourceVersion') });
}

/** Who may write over what is there may not for that make what is not. */
async function checkMayCreate({ api, resource, version, namespace, user }: Call, name: string): Promise<void> {
  const { group, plural } = resource;
  const target: Target = {
    type: 'resource',
    verb: 'create',
    group,
    version: version.version,
    resource: plural,
    subresource: '',
    namespace,
    name,
  };
  const { allowed, reason } = await api.authorize(user, target);
  if (!allowed) throw deniedError(user, target, reason);
}

/** Revision 0 is none. */
function checkRevision({ resource }: Call, name: string, wished: KubeObject, old: KubeObject): void {
  const { resourceVersion = '' } = wished.metadata;
  const plural = { group: resource.group, name: resource.plural };
  if (resourceVersion !== '' && resourceVersion !== '0') {
    if (resourceVersion !== old.metadata.resourceVersion) throw conflictError(plural, name, MODIFIED);
    return;
  }
  if (resource.strategy.unconditionalUpdate === false) throw invalidError(plural, name, [REVISION_REQUIRED]);
}

const REVISION_REQUIRED: FieldError = {
  reason: 'FieldValueInvalid',
  field: 'metadata.resourceVersion',
  message: 'Invalid value: 0x0: must be specified for an update',
};

function checkUid({ resource, namespace }: Call, name: string, { metadata: { uid = '' } }: KubeObject, oldUid: string): void {
  if (uid === '' || uid === oldUid) return;
  const path = `/registry/${resource.id.split('.')[0]}/${namespace === '' ? '' : `${namespace}/`}${name}`;
  throw conflictError(
    { group: resource.group, name: resource.plural },
    name,
    `StorageError: invalid object, Code: 4, Key: ${path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${oldUid}`,
  );
}
