import { semanticEqual } from '#api/equal.ts';
import type { KubeObject, ObjectMeta } from '#api/object.ts';
import { conflictError, isConflict, notFoundError } from '#api/status.ts';
import { omit } from '#api/omit.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import type { Call } from '../options.ts';
import { admit } from './admit.ts';
import { commitObject, keyOf } from './commit.ts';

/** DELETE: preconditions, grace, finalizers. What an owner's dependents become is left to the garbage collector, told by finalizers. */
export type DeleteOptions = {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
};

/** `removed`: it is gone; otherwise it is on its way, and `object` tells how. */
export type Deletion = { readonly removed: boolean; readonly object: KubeObject };

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

const ATTEMPTS_MAX = 10;
/** Some 68 years: longer is for ever, and beyond what dates can say. */
const GRACE_SECONDS_MAX = 2 ** 31 - 1;

export async function deleteObject(call: Call, name: string, options: DeleteOptions): Promise<Deletion> {
  for (let attempt = 1; ; attempt++) {
    const old = await call.api.storage.get(keyOf(call.resource, call.namespace, name));
    if (old === undefined) throw notFoundError({ group: call.resource.group, name: call.resource.plural }, name);
    checkPreconditions(call, name, old.metadata, options);
    await admit(call, name, undefined, old);
    try {
      return await deleteOnce(call, name, old, options);
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw error;
      // What it lost against may be on its way to the disk still, and not to be read before it is there.
      await call.api.storage.commit([]);
    }
  }
}

/** True once nothing holds a deleting object any more: no finalizer of its own, none of its spec (namespaces), no grace left to wait for. */
export function isRemovable({ metadata, spec }: KubeObject): boolean {
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0) return false;
  if ((metadata.deletionGracePeriodSeconds ?? 0) > 0) return false;
  return specFinalizers(spec).length === 0;
}

function specFinalizers(spec: unknown): readonly unknown[] {
  const { finalizers } = typeof spec === 'object' && spec !== null ? (spec as { readonly finalizers?: unknown }) : {};
  return Array.isArray(finalizers) ? finalizers : [];
}

async function deleteOnce(call: Call, name: string, old: KubeObject, options: DeleteOptions): Promise<Deletion> {
  const { resource } = call;
  const key = keyOf(resource, call.namespace, name);
  const next = deleting(call, old, options);
  if (isRemovable(next)) {
    await commitObject(call, key, old, undefined);
    return { removed: true, object: old };
  }
  if (next === old) return { removed: false, object: old };
  return { removed: false, object: (await commitObject(call, key, old, next)) ?? next };
}

function deleting(call: Call, old: KubeObject, options: DeleteOptions): KubeObject {
  const finalizers = withPropagation(old.metadata.finalizers ?? [], options.propagationPolicy);
  const time = old.metadata.deletionTimestamp === undefined ? firstTime(call, old, options) : laterTime(old, options);
  const isNew = time !== undefined || !semanticEqual(finalizers, old.metadata.finalizers ?? []);
  if (!isNew) return old;
  const metadata = { ...old.metadata, ...time };
  const next = { ...old, metadata: finalizers.length === 0 ? omit(metadata, 'finalizers') : { ...metadata, finalizers } };
  return call.resource.id === 'namespaces' ? { ...next, status: { ...asRecord(old.status), phase: 'Terminating' } } : next;
}

type Time = Pick<ObjectMeta, 'deletionTimestamp' | 'deletionGracePeriodSeconds' | 'generation'>;

function firstTime({ api, resource }: Call, old: KubeObject, { gracePeriodSeconds }: DeleteOptions): Time {
  const seconds = Math.min(GRACE_SECONDS_MAX, resource.strategy.gracePeriodSeconds?.(old, gracePeriodSeconds) ?? 0);
  const { generation } = old.metadata;
  return {
    deletionTimestamp: rfc3339(api.clock.now() + seconds * 1000),
    deletionGracePeriodSeconds: seconds,
    ...(generation === undefined ? {} : { generation: generation + 1 }),
  };
}

/** A second delete may only shorten what the first one gave, and only where it says so: counted from the first. */
function laterTime({ metadata }: KubeObject, { gracePeriodSeconds: wanted }: DeleteOptions): Time | undefined {
  const { deletionTimestamp = '', deletionGracePeriodSeconds: before = 0 } = metadata;
  if (wanted === undefined || wanted >= before) return undefined;
  const startMs = (parseTime(deletionTimestamp) ?? 0) - before * 1000;
  return { deletionTimestamp: rfc3339(startMs + wanted * 1000), deletionGracePeriodSeconds: wanted };
}

function withPropagation(finalizers: readonly string[], policy: DeleteOptions['propagationPolicy']): readonly string[] {
  if (policy === undefined) return finalizers;
  const others = finalizers.filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  if (policy === 'Foreground') return [...others, FOREGROUND];
  return policy === 'Orphan' ? [...others, ORPHAN] : others;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Sound: a status of any kind is an object; what is in it stays unknown.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function checkPreconditions(
  call: Call,
  name: string,
  { uid = '', resourceVersion = '' }: ObjectMeta,
  { preconditions }: DeleteOptions,
): void {
  const kind = { group: call.resource.group, name: call.resource.kind };
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    throw conflictError(
      kind,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw conflictError(
      kind,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}
