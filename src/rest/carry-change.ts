import type { Registry } from '#api/registry.ts';
import type { Json, KubeObject } from '#api/object.ts';
import { conflictError } from '#api/status.ts';
import { assert, unreachable } from '#lib/assert.ts';
import type { Author, Change } from './change.ts';
import { deniedError } from './denied.ts';
import type { ApiOptions, Call } from './options.ts';
import type { Target, Verb } from './request.ts';
import { createObject } from './write/create.ts';
import { deleteObject } from './write/delete.ts';
import { patcher } from './write/patch.ts';
import { updateObject } from './write/update.ts';

/** A Change of our own loops through the pipeline: authorized, validated and committed like a request. */
export async function carryChange(
  api: ApiOptions,
  registry: Registry,
  change: Change,
  author: Author,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  signal.throwIfAborted();
  const id = change.verb === 'bind' ? 'pods' : change.resource;
  const resource = registry.byId(id);
  const version = resource?.versions[0];
  assert(resource !== undefined && version !== undefined, `a change names the resource ${id}, which is not served`);
  const { namespace, name } = placeOf(change);
  const subresource = change.verb === 'bind' ? 'binding' : 'subresource' in change ? (change.subresource ?? '') : '';
  const verb: Verb = change.verb === 'bind' ? 'create' : change.verb;
  const target: Target = {
    type: 'resource',
    verb,
    group: resource.group,
    version: version.version,
    resource: resource.plural,
    subresource,
    namespace,
    name,
  };
  const { allowed, reason } = await api.authorize(author.user, target);
  if (!allowed) throw deniedError(author.user, target, reason);
  const call: Call = {
    api,
    resource,
    version,
    subresource,
    namespace: resource.namespaced ? namespace : '',
    user: author.user,
    dryRun: false,
    warn: (text) =>
      api.log.debug({ user: author.user.name, resource: id, namespace, name, warning: text }, 'a change met a warning'),
  };
  return carry(call, change, name);
}

async function carry(call: Call, change: Change, name: string): Promise<KubeObject | undefined> {
  switch (change.verb) {
    case 'create':
      return createObject(call, change.object);
    case 'update': {
      const { createOnUpdate } = call.resource.strategy;
      const createFrom = createOnUpdate === true && call.subresource === '' ? { createFrom: change.object } : {};
      return (await updateObject(call, name, { apply: () => change.object, ...createFrom })).object;
    }
    case 'patch': {
      // Sound: a patch is JSON by construction of the change.
      const patch = patcher(call, change.patchType, change.patch as Json);
      return (await updateObject(call, name, { apply: (old) => patch(sameUid(call, old, name, change.uid)) })).object;
    }
    case 'delete': {
      const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = change;
      const deletion = await deleteObject(call, name, {
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
        preconditions: { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      });
      return deletion.removed ? undefined : deletion.object;
    }
    case 'bind':
      return bind(call, change);
    default:
      return unreachable(change);
  }
}

async function bind(call: Call, { name, uid, node }: Extract<Change, { readonly verb: 'bind' }>): Promise<KubeObject> {
  const door = call.resource.subresources.binding;
  assert(door?.type === 'create', 'pods have a binding door');
  const body: KubeObject = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace: call.namespace, uid },
    target: { kind: 'Node', name: node },
  };
  const apply = (old: KubeObject) => door.apply(sameUid(call, old, name, uid), body, call.api.clock.now());
  return (await updateObject({ ...call, subresource: '' }, name, { apply, trusted: true })).object;
}

function sameUid(call: Call, old: KubeObject, name: string, uid: string | undefined): KubeObject {
  if (uid === undefined || uid === old.metadata.uid) return old;
  const resource = { group: call.resource.group, name: call.resource.plural };
  throw conflictError(
    resource,
    name,
    `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid ?? ''}). The object might have been deleted and then recreated`,
  );
}

function placeOf(change: Change): { readonly namespace: string; readonly name: string } {
  if (change.verb === 'create' || change.verb === 'update') {
    const { namespace = '', name = '' } = change.object.metadata;
    return { namespace, name };
  }
  return { namespace: change.namespace, name: change.name };
}
