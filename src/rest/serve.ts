import { apiVersion, type Registry, type Served } from '#api/registry.ts';
import { decodeAny, decodeBody } from '#api/encoding/decode-body.ts';
import { stringifyYaml } from '#api/encoding/yaml.ts';
import type { KubeObject } from '#api/object.ts';
import { apiError, badRequestError, forbiddenError, invalidError, notFoundError } from '#api/status.ts';
import type { ApiOptions, Call } from './options.ts';
import { inForm, listInForm, negotiate, type Form } from './read/form.ts';
import { listObjects } from './read/list.ts';
import { listOptions } from './read/query.ts';
import { watchObjects } from './read/watch.ts';
import type { Answer, HttpRequest, Target, Verb } from './request.ts';
import { verbsOf } from './verbs.ts';
import { warningHeader } from './warnings.ts';
import { createObject } from './write/create.ts';
import { deleteObject, type DeleteOptions } from './write/delete.ts';
import { isDryRun } from './write/dry-run.ts';
import { patchOf } from './write/patch.ts';
import { updateObject } from './write/update.ts';
import { keyOf } from './write/commit.ts';
import { parseDeleteOptions } from './write/delete-options.ts';

/** One authorized request for a resource → its answer. Throws API errors; the caller makes Statuses of them. */
type Resourceful = Extract<Target, { readonly type: 'resource' }>;

export async function serveResource(
  api: ApiOptions,
  registry: Registry,
  request: HttpRequest,
  target: Resourceful,
): Promise<Answer> {
  const served = registry.find(target.group, target.version, target.resource);
  if (served === undefined || (target.subresource !== '' && served.resource.subresources[target.subresource] === undefined))
    throw nowhere();
  if (served.resource.namespaced && target.namespace === '' && target.name !== '') throw nowhere();
  if (!verbsOf(served.resource, target.subresource).includes(target.verb)) throw notAllowed(served.resource.only?.why);
  const warnings: string[] = [];
  const call: Call = {
    api,
    resource: served.resource,
    version: served.version,
    subresource: target.subresource,
    namespace: served.resource.namespaced ? target.namespace : '',
    user: request.user,
    dryRun: isDryRun(
      request.query.getAll('dryRun').filter((text) => text !== ''),
      optionsKind(target.verb),
    ),
    warn: (text) => void warnings.push(text),
  };
  const answer = await dispatch(call, served, request, target);
  return { ...answer, headers: { ...answer.headers, ...warningHeader(warnings) } };
}

function nowhere(): unknown {
  return apiError('NotFound', 'the server could not find the requested resource', {});
}

function notAllowed(why = 'the server does not allow this method on the requested resource'): unknown {
  return apiError('MethodNotAllowed', why, {});
}

async function dispatch(call: Call, served: Served, request: HttpRequest, target: Resourceful): Promise<Answer> {
  const { name, verb } = target;
  const door = call.resource.subresources[call.subresource];
  if (door?.type === 'connect') return connect(call, name, request, target);
  const form = negotiate(request.headers.accept, request.query);
  const value = (object: KubeObject, status = 200) => objectAnswer(call, form, object, status);
  switch (verb) {
    case 'get':
      return value(viewOf(call, await read(call, name)));
    case 'list':
      return list(call, form, request);
    case 'watch': {
      const chunks = await watchObjects(call, listOptions(request.query, true), form, name, request.signal);
      return { type: 'stream', status: 200, headers: { 'content-type': 'application/json' }, chunks };
    }
    case 'create':
      return create(call, served, request, name, value);
    case 'update': {
      if (name === '') throw notAllowed();
      const body = decode(call, served, request, name);
      const { object, created } = await put(call, name, body);
      return value(viewOf(call, object), created ? 201 : 200);
    }
    case 'patch': {
      if (name === '') throw notAllowed();
      const apply = patchOf(call, request);
      const { object } = await updateObject(call, name, { apply: (old) => unviewed(call, old, apply(viewOf(call, old))) });
      return value(viewOf(call, object));
    }
    case 'delete':
      return remove(call, form, request, name);
    case 'deletecollection':
      return deleteCollection(call, form, request);
  }
}

async function read(call: Call, name: string): Promise<KubeObject> {
  const object = await call.api.storage.get(keyOf(call.resource, call.namespace, name));
  if (object === undefined) throw notFoundError({ group: call.resource.group, name: call.resource.plural }, name);
  return object;
}

async function list(call: Call, form: Form, request: HttpRequest): Promise<Answer> {
  const { items, metadata } = await listObjects(call, listOptions(request.query, false));
  return json(form, listInForm(form, call.resource, call.version, items, metadata, call.api.clock.now()), 200);
}

async function create(
  call: Call,
  served: Served,
  request: HttpRequest,
  name: string,
  value: (object: KubeObject, status: number) => Answer,
): Promise<Answer> {
  const door = call.resource.subresources[call.subresource];
  if (door?.type === 'create') {
    const body = decodeBody(
      request.body,
      request.headers['content-type'],
      { apiVersion: apiVersion(door.group, door.version), kind: door.kind, definition: door.definition },
      call.api.schema,
      'Ignore',
    );
    const apply = (old: KubeObject) => {
      const errors = door.validate(body.object, old);
      if (errors.length > 0) throw invalidError({ group: door.group, name: door.kind }, name, errors);
      return door.apply(old, body.object, call.api.clock.now());
    };
    await updateObject({ ...call, subresource: '' }, name, { apply, trusted: true });
    return json(
      { as: 'object', yaml: false },
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      201,
    );
  }
  if (name !== '' || (call.resource.namespaced && call.namespace === '')) throw notAllowed();
  return value(await createObject(call, decode(call, served, request, undefined)), 201);
}

async function put(
  call: Call,
  name: string,
  body: KubeObject,
): Promise<{ readonly object: KubeObject; readonly created: boolean }> {
  const { createOnUpdate } = call.resource.strategy;
  return updateObject(call, name, {
    apply: (old) => unviewed(call, old, body),
    ...(createOnUpdate === true && call.subresource === '' ? { createFrom: body } : {}),
  });
}

/** Through the scale door an object shows itself as a Scale. */
function viewOf(call: Call, object: KubeObject): KubeObject {
  const door = call.resource.subresources[call.subresource];
  return door?.type === 'scale' ? door.toScale(object) : object;
}

function unviewed(call: Call, old: KubeObject, wished: KubeObject): KubeObject {
  const door = call.resource.subresources[call.subresource];
  if (door?.type !== 'scale') return wished;
  const { resourceVersion } = wished.metadata;
  const scaled = door.fromScale(old, wished);
  return resourceVersion === undefined ? scaled : { ...scaled, metadata: { ...scaled.metadata, resourceVersion } };
}

function decode(call: Call, { resource, version }: Served, request: HttpRequest, name: string | undefined): KubeObject {
  const door = resource.subresources[call.subresource];
  const expected =
    door?.type === 'scale'
      ? { apiVersion: 'autoscaling/v1', kind: 'Scale', definition: 'io.k8s.api.autoscaling.v1.Scale' }
      : { apiVersion: apiVersion(resource.group, version.version), kind: resource.kind, definition: version.definition };
  const { object, warnings } = decodeBody(
    request.body,
    request.headers['content-type'],
    expected,
    call.api.schema,
    fieldValidation(request),
  );
  for (const warning of warnings) call.warn(warning);
  const given = object.metadata.name ?? '';
  if (name !== undefined && given !== '' && given !== name)
    throw badRequestError(`the name of the object (${given}) does not match the name on the URL (${name})`);
  return name !== undefined && given === '' ? { ...object, metadata: { ...object.metadata, name } } : object;
}

export function fieldValidation(request: HttpRequest): 'Strict' | 'Warn' | 'Ignore' {
  const asked = request.query.get('fieldValidation') ?? '';
  if (asked === 'Strict' || asked === 'Ignore') return asked;
  return 'Warn';
}

function optionsKind(verb: Verb): string {
  return { create: 'CreateOptions', update: 'UpdateOptions', patch: 'PatchOptions' }[verb as 'create'] ?? 'DeleteOptions';
}

async function connect(call: Call, name: string, request: HttpRequest, target: Resourceful): Promise<Answer> {
  const connector = call.api.connectors[`${call.resource.id}/${call.subresource}`];
  if (connector === undefined || name === '') throw notAllowed();
  if (target.verb !== 'get' && target.verb !== 'create') throw notAllowed();
  return connector({ object: await read(call, name), query: request.query, user: call.user, signal: request.signal });
}

/** What is to be done, and the call that does it: also the body may say that nothing is (kubectl does so). */
function deletion(call: Call, request: HttpRequest): { readonly options: DeleteOptions; readonly call: Call } {
  const body =
    request.body.length === 0
      ? undefined
      : decodeAny(request.body, request.headers['content-type'], 'DeleteOptions', call.api.schema);
  const { options, dryRun } = parseDeleteOptions(body, request.query);
  return { options, call: { ...call, dryRun: call.dryRun || dryRun } };
}

async function remove(call: Call, form: Form, request: HttpRequest, name: string): Promise<Answer> {
  const { options, call: deciding } = deletion(call, request);
  const { removed, object } = await deleteObject(deciding, name, options);
  if (!removed) return objectAnswer(call, form, object, 200);
  const { group, plural } = call.resource;
  const details = { name, ...(group === '' ? {} : { group }), kind: plural, uid: object.metadata.uid };
  return json({ as: 'object', yaml: false }, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }, 200);
}

async function deleteCollection(call: Call, form: Form, request: HttpRequest): Promise<Answer> {
  if (call.resource.namespaced && call.namespace === '') throw notAllowed();
  if (call.resource.id === 'namespaces')
    throw forbiddenError({ group: '', name: 'namespaces' }, '', 'collections of namespaces may not be deleted');
  const { options, call: deciding } = deletion(call, request);
  const { items, metadata } = await listObjects(call, listOptions(request.query, false));
  const deleted: KubeObject[] = [];
  for (const item of items) {
    const done = await deleteObject(deciding, item.metadata.name ?? '', options).catch((error: unknown) => {
      // Gone in between: that is what was asked for.
      if (error instanceof Error && 'code' in error && error.code === 'NotFound') return undefined;
      throw error;
    });
    if (done !== undefined) deleted.push(done.object);
  }
  return json(form, listInForm(form, call.resource, call.version, deleted, metadata, call.api.clock.now()), 200);
}

function objectAnswer(call: Call, form: Form, object: KubeObject, status: number): Answer {
  if (form.as === 'object' && !form.yaml) {
    const body = call.api.encoded?.(object) ?? JSON.stringify(object);
    return { type: 'value', status, headers: { 'content-type': 'application/json' }, body };
  }
  return json(form, inForm(form, call.resource, object, call.api.clock.now()), status);
}

export function json(form: Form, value: unknown, status: number): Answer {
  if (form.as === 'object' && form.yaml)
    return { type: 'value', status, headers: { 'content-type': 'application/yaml' }, body: stringifyYaml(value) };
  return { type: 'value', status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
