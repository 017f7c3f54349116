import { decodeBody } from '#api/encoding/decode-body.ts';
import type { KubeObject } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import { apiVersion } from '#api/registry.ts';
import type { Subresource } from '#api/resource.ts';
import { badRequestError, invalidError } from '#api/status.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Call } from './options.ts';
import { notAllowed } from './not-allowed.ts';
import type { HttpRequest } from './request.ts';
import { bodyOf } from './write/body.ts';
import { checkNamespace } from './write/place.ts';
import type { WriteOptions } from './write/write-options.ts';

/** POST of what is answered and never kept: reviews, and tokens of service accounts. Read, checked and handed to the server's own part for it. */
export async function answerReview(call: Call, request: HttpRequest, { fieldValidation }: WriteOptions): Promise<KubeObject> {
  const { resource, namespace } = call;
  const body = bodyOf(call, request, fieldValidation);
  checkNamespace(call, body);
  const metadata = { ...omit(body.metadata, 'managedFields'), ...(resource.namespaced ? { namespace } : {}) };
  const object = resource.strategy.default({ ...body, metadata });
  const errors = resource.strategy.validate(object);
  if (errors.length > 0) throw invalidError({ group: resource.group, name: resource.kind }, object.metadata.name ?? '', errors);
  const computer = call.api.computed[resource.id];
  if (computer === undefined) throw notAllowed();
  return computer({ object, user: call.user });
}

/** `parent`: the object whose subresource is asked. */
export async function answerRequest(
  call: Call,
  door: Extract<Subresource, { readonly type: 'computed' }>,
  request: HttpRequest,
  parent: KubeObject,
  { fieldValidation }: WriteOptions,
): Promise<KubeObject> {
  const { api, resource, subresource } = call;
  const expected = { apiVersion: apiVersion(door.group, door.version), kind: door.kind, definition: door.definition };
  const { object: body, warnings } = decodeBody(
    request.body,
    request.headers['content-type'],
    expected,
    api.schema,
    fieldValidation,
  );
  for (const warning of warnings) call.warn(warning);
  checkNamespace(call, body);
  const { name = '', namespace } = parent.metadata;
  const given = body.metadata.name ?? '';
  if (given !== '' && given !== name)
    throw badRequestError(`the name of the object (${given}) does not match the name on the URL (${name})`);
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), creationTimestamp: rfc3339(api.clock.now()) };
  const object = { ...body, metadata };
  const errors = door.validate(object);
  if (errors.length > 0) throw invalidError({ group: door.group, name: door.kind }, name, errors);
  const computer = api.computed[`${resource.id}/${subresource}`];
  if (computer === undefined) throw notAllowed();
  return computer({ object, parent, user: call.user });
}
