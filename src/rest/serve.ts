import type { Registry, Served } from '#api/registry.ts';
import { apiError, notFoundError } from '#api/status.ts';
import type { KubeObject } from '#api/object.ts';
import { answerRequest, answerReview } from './computed.ts';
import { notAllowed } from './not-allowed.ts';
import type { ApiOptions, Call } from './options.ts';
import { negotiate, type Form } from './read/form.ts';
import { listAnswer, objectAnswer, valueAnswer } from './read/form-answer.ts';
import { listObjects } from './read/list.ts';
import { listOptions } from './read/query.ts';
import { watchObjects } from './read/watch.ts';
import type { Answer, HttpRequest, Target } from './request.ts';
import { unviewed, viewOf } from './scale.ts';
import { verbsOf } from './verbs.ts';
import { warningHeader } from './warnings.ts';
import { bodyOf, throughDoor } from './write/body.ts';
import { deleteCollection } from './write/collection.ts';
import { keyOf } from './write/commit.ts';
import { createObject } from './write/create.ts';
import { deleteObject } from './write/delete.ts';
import { deleteOptions } from './write/delete-options.ts';
import { patchOf } from './write/patch.ts';
import { updateObject } from './write/update.ts';
import { writeOptions, type WriteOptions } from './write/write-options.ts';

/** One authorized request for a resource → its answer. Throws API errors; the caller makes Statuses of them. */
export type ResourceTarget = Extract<Target, { readonly type: 'resource' }>;

export async function serveResource(
  api: ApiOptions,
  registry: Registry,
  request: HttpRequest,
  target: ResourceTarget,
): Promise<Answer> {
  const { resource, version } = find(registry, target);
  checkMethod({ resource, version }, request.method, target);
  const warnings: string[] = [];
  const options = writeOptions(request.query, target.verb, request.headers['content-type']);
  const call: Call = {
    api,
    resource,
    version,
    subresource: target.subresource,
    namespace: resource.namespaced ? target.namespace : '',
    user: request.user,
    dryRun: options.dryRun,
    warn: (text) => void warnings.push(text),
  };
  const answer = await dispatch(call, options, request, target);
  return { ...answer, headers: { ...answer.headers, ...warningHeader(warnings) } };
}

/** Whether anything is served at this place, by whatever method. */
export function isServed(registry: Registry, target: ResourceTarget): boolean {
  try {
    find(registry, target);
    return true;
  } catch {
    return false;
  }
}

function find(registry: Registry, { group, version, resource, subresource, namespace, name }: ResourceTarget): Served {
  const served = registry.find(group, version, resource);
  if (served === undefined) throw nowhere();
  const { namespaced, subresources } = served.resource;
  const isPlace = namespaced ? namespace !== '' || name === '' : namespace === '' || resource === 'namespaces';
  if (!isPlace) throw nowhere();
  if (subresource !== '' && !Object.hasOwn(subresources, subresource))
    throw nowhere(`: ${resource}/${subresource} is not served by this release of Skerry`);
  return served;
}

function nowhere(why = ''): unknown {
  return apiError('NotFound', `the server could not find the requested resource${why}`, {});
}

/** Upstream answers no HEAD for a resource. Some verbs are for one object, some for a collection, which is that of a namespace. */
function checkMethod({ resource }: Served, method: string, { verb, subresource, name, namespace }: ResourceTarget): void {
  if (method === 'HEAD') throw notAllowed();
  if (!verbsOf(resource, subresource).includes(verb)) throw notAllowed(resource.only?.why);
  if ((verb === 'update' || verb === 'patch') && name === '') throw notAllowed();
  if (verb === 'create' && subresource === '' && name !== '') throw notAllowed();
  const isCollection = verb === 'create' || verb === 'deletecollection';
  if (isCollection && resource.namespaced && namespace === '') throw notAllowed();
}

async function dispatch(
  call: Call,
  options: WriteOptions,
  request: HttpRequest,
  { verb, name }: ResourceTarget,
): Promise<Answer> {
  const door = call.resource.subresources[call.subresource];
  if (door?.type === 'connect') return connect(call, name, request);
  const form = negotiate(request.headers.accept, request.query, verb === 'watch');
  const { query } = request;
  switch (verb) {
    case 'get':
      return objectAnswer(call, form, viewOf(call, await read(call, name)));
    case 'list': {
      const { items, metadata } = await listObjects(call, listOptions(query, false));
      return listAnswer(call, form, items, metadata);
    }
    case 'watch': {
      const chunks = await watchObjects(call, listOptions(query, true), form, request.signal);
      return { type: 'stream', status: 200, headers: { 'content-type': 'application/json' }, chunks };
    }
    case 'create': {
      if (door?.type === 'computed')
        return valueAnswer(form, await answerRequest(call, door, request, await read(call, name), options), 201);
      if (call.resource.computed === true) return valueAnswer(form, await answerReview(call, request, options), 201);
      if (door?.type === 'create') {
        await throughDoor(call, door, request, name);
        return valueAnswer(form, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201);
      }
      return objectAnswer(call, form, await createObject(call, bodyOf(call, request, options.fieldValidation)), 201);
    }
    case 'update': {
      const { object, created } = await put(call, name, bodyOf(call, request, options.fieldValidation, name));
      return objectAnswer(call, form, viewOf(call, object), created ? 201 : 200);
    }
    case 'patch': {
      const apply = patchOf(call, request, options.fieldValidation);
      const { object } = await updateObject(call, name, { apply: (old) => unviewed(call, old, apply(viewOf(call, old))) });
      return objectAnswer(call, form, viewOf(call, object));
    }
    case 'delete':
      return remove(call, form, request, name);
    case 'deletecollection': {
      const { items, metadata } = await deleteCollection(call, request);
      return listAnswer(call, form, items, metadata);
    }
  }
}

async function read(call: Call, name: string): Promise<KubeObject> {
  const object = await call.api.storage.get(keyOf(call.resource, call.namespace, name));
  if (object === undefined) throw notFoundError({ group: call.resource.group, name: call.resource.plural }, name);
  return object;
}

function put(call: Call, name: string, body: KubeObject): ReturnType<typeof updateObject> {
  const creates = call.resource.strategy.createOnUpdate === true && call.subresource === '';
  const apply = (old: KubeObject) => unviewed(call, old, body);
  return updateObject(call, name, { apply, ...(creates ? { createFrom: body } : {}) });
}

/** Answered by the server's own part for it; one that it does not have can not be connected to. */
async function connect(call: Call, name: string, { query, signal }: HttpRequest): Promise<Answer> {
  const connector = call.api.connectors[`${call.resource.id}/${call.subresource}`];
  if (connector === undefined) throw notAllowed();
  return connector({ object: await read(call, name), query, user: call.user, signal });
}

async function remove(call: Call, form: Form, request: HttpRequest, name: string): Promise<Answer> {
  const { options, dryRun } = deleteOptions(call, request);
  const { removed, object } = await deleteObject({ ...call, dryRun: call.dryRun || dryRun }, name, options);
  if (!removed) return objectAnswer(call, form, object);
  const { group, plural } = call.resource;
  const details = { name, ...(group === '' ? {} : { group }), kind: plural, uid: object.metadata.uid };
  return valueAnswer(form, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }, 200);
}
