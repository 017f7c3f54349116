import type { KubeObject, ObjectMeta } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import { badRequestError, isAlreadyExists, apiError, invalidError, type StatusCause } from '#api/status.ts';
import { validateObjectMeta } from '#api/kinds/meta.ts';
import { rfc3339 } from '#lib/time.ts';
import { hasCode } from '#lib/error.ts';
import type { Call } from '../options.ts';
import { admit, mutate } from './admit.ts';
import { ALREADY_ALLOCATED, commitObject, keyOf } from './commit.ts';
import { checkNamespace } from './place.ts';
import { withField } from './with-field.ts';

/** POST: what the server fills in, the kind's rules, admission, commit. */

/** Of a generated name; the suffix comes on top (apiserver/pkg/storage/names). */
const GENERATED_PREFIX_MAX = 58;
const SUFFIX_LENGTH = 5;
/** How often another suffix, or another choice of an allocator, is tried. */
const ATTEMPTS_MAX = 8;

/** Rejects with AlreadyExists, Invalid, Forbidden…; `body` has been decoded and belongs to the call's kind. */
export async function createObject(call: Call, body: KubeObject): Promise<KubeObject> {
  if (!['', '0'].includes(body.metadata.resourceVersion ?? ''))
    throw badRequestError('resourceVersion should not be set on objects to be created');
  checkNamespace(call, body);
  const generates = (body.metadata.name ?? '') === '' && (body.metadata.generateName ?? '') !== '';
  for (let attempt = 1; ; attempt++) {
    try {
      return await createOnce(call, body);
    } catch (error) {
      const again = (generates && isAlreadyExists(error)) || (hasCode(error, 'Invalid') && isAllocated(error.details));
      if (!again) throw error;
      if (attempt === ATTEMPTS_MAX) throw generates && isAlreadyExists(error) ? outOfNames(call, body) : error;
    }
  }
}

async function createOnce(call: Call, body: KubeObject): Promise<KubeObject> {
  const { resource } = call;
  const { strategy } = resource;
  const name = body.metadata.name ?? '';
  const fresh = strategy.default({ ...body, metadata: newMetadata(call, body.metadata) });
  const prepared =
    strategy.prepareForCreate?.(fresh) ??
    (resource.subresources.status === undefined ? fresh : withField(fresh, 'status', undefined));
  const mutated = strategy.default(await mutate(call, name, prepared));
  const errors = [...validateObjectMeta(resource, mutated), ...strategy.validate(mutated)];
  if (errors.length > 0) throw invalidError({ group: resource.group, name: resource.kind }, mutated.metadata.name ?? '', errors);
  await admit(call, name, mutated);
  const created = await commitObject(call, keyOf(resource, call.namespace, mutated.metadata.name ?? ''), undefined, mutated);
  return created ?? mutated;
}

function newMetadata(call: Call, given: ObjectMeta): ObjectMeta {
  const { ids, clock } = call.api;
  const metadata = omit(
    given,
    'namespace',
    'resourceVersion',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'managedFields',
    'generation',
  );
  const prefix = given.generateName ?? '';
  const name =
    (given.name ?? '') === '' && prefix !== ''
      ? `${prefix.slice(0, GENERATED_PREFIX_MAX)}${ids.suffix(SUFFIX_LENGTH)}`
      : given.name;
  return {
    ...metadata,
    ...(name === undefined ? {} : { name }),
    ...(call.resource.namespaced ? { namespace: call.namespace } : {}),
    uid: ids.uuid(),
    creationTimestamp: rfc3339(clock.now()),
    ...(call.resource.strategy.generation === undefined ? {} : { generation: 1 }),
  };
}

/** Somebody else was given it at the same moment: an allocator chooses another the next time, and the caller's own choice is refused in admission's words. */
function isAllocated(details: Readonly<Record<string, unknown>>): boolean {
  // Sound: details of an Invalid are made by invalidError.
  const causes = (details.causes ?? []) as readonly StatusCause[];
  return causes.some(({ message }) => message.endsWith(ALREADY_ALLOCATED));
}

function outOfNames(call: Call, body: KubeObject): unknown {
  const { resource } = call;
  return apiError(
    'AlreadyExists',
    `${resource.plural} "${body.metadata.generateName}" already exists, the server was not able to generate a unique name for the object`,
    {
      ...(resource.group === '' ? {} : { group: resource.group }),
      name: body.metadata.generateName ?? '',
      kind: resource.plural,
      retryAfterSeconds: 1,
    },
  );
}
