import { decodeBody, type FieldValidation } from '#api/encoding/decode-body.ts';
import type { KubeObject } from '#api/object.ts';
import { apiVersion } from '#api/registry.ts';
import type { Subresource } from '#api/resource.ts';
import { invalidError } from '#api/status.ts';
import type { Call } from '../options.ts';
import type { HttpRequest } from '../request.ts';
import { SCALE, SCALE_DEFINITION } from '../scale.ts';
import { checkPlace } from './place.ts';
import { updateObject } from './update.ts';

/** The object that a POST or PUT brings. `name` is that of the URL, which the object must bear. Throws 400 and 415. */
export function bodyOf(call: Call, request: HttpRequest, fieldValidation: FieldValidation, name?: string): KubeObject {
  const { resource, version, subresource, api } = call;
  const expected =
    resource.subresources[subresource]?.type === 'scale'
      ? { apiVersion: apiVersion(SCALE.group, SCALE.version), kind: SCALE.kind, definition: SCALE_DEFINITION }
      : { apiVersion: apiVersion(resource.group, version.version), kind: resource.kind, definition: version.definition };
  const { object, warnings } = decodeBody(request.body, request.headers['content-type'], expected, api.schema, fieldValidation);
  for (const warning of warnings) call.warn(warning);
  if (name !== undefined) checkPlace(call, object, name);
  return object;
}

/** POST to a subresource of type create: the body, of another kind, changes the object (binding). */
export async function throughDoor(
  call: Call,
  door: Extract<Subresource, { readonly type: 'create' }>,
  request: HttpRequest,
  name: string,
): Promise<void> {
  const { api } = call;
  const expected = { apiVersion: apiVersion(door.group, door.version), kind: door.kind, definition: door.definition };
  const { object: body } = decodeBody(request.body, request.headers['content-type'], expected, api.schema, 'Ignore');
  const apply = (old: KubeObject) => {
    const errors = door.validate(body, old);
    if (errors.length > 0) throw invalidError({ group: door.group, name: door.kind }, name, errors);
    return door.apply(old, body, api.clock.now());
  };
  await updateObject({ ...call, subresource: '' }, name, { apply, trusted: true });
}
