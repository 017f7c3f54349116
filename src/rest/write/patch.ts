import type { FieldValidation } from '#api/encoding/decode-body.ts';
import { parseJson } from '#api/encoding/json.ts';
import { applyJsonPatch } from '#api/patch/json-patch.ts';
import { applyMergePatch } from '#api/patch/merge-patch.ts';
import { applyStrategicPatch } from '#api/patch/strategic-patch.ts';
import { conform } from '#api/schema/conform.ts';
import type { Json, KubeObject } from '#api/object.ts';
import { apiError, badRequestError } from '#api/status.ts';
import { SkerryError } from '#lib/error.ts';
import type { Call } from '../options.ts';
import type { HttpRequest } from '../request.ts';
import { SCALE_DEFINITION } from '../scale.ts';
import { checkPlace } from './place.ts';

/** A patch body → the function that applies it. What comes out is checked against the kind's schema, as a body would be. */
export type PatchType = 'json' | 'merge' | 'strategic';

const MEDIA: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};

const APPLY = 'application/apply-patch+';
const NO_APPLY =
  'server-side apply is not supported by this release of Skerry; apply without it (kubectl apply without --server-side)';

/** Throws 415 for another media type, 400 for a body that is no patch. */
export function patchOf(call: Call, request: HttpRequest, fieldValidation: FieldValidation): (old: KubeObject) => KubeObject {
  const media = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const type = Object.hasOwn(MEDIA, media) ? MEDIA[media] : undefined;
  if (media.startsWith(APPLY)) throw apiError('UnsupportedMediaType', NO_APPLY, {});
  if (type === undefined) throw apiError('UnsupportedMediaType', '415: Unsupported Media Type', {});
  const patch = patcher(call, type, parseJson(new TextDecoder().decode(request.body)).value, fieldValidation);
  return (old) => {
    const patched = patch(old);
    checkPlace(call, patched, old.metadata.name ?? '');
    return patched;
  };
}

/** `Strict`: a field that the kind does not have is refused, not left out (with a warning unless it is to be ignored). */
export function patcher(
  call: Call,
  type: PatchType,
  patch: Json,
  fieldValidation: FieldValidation = 'Warn',
): (old: KubeObject) => KubeObject {
  const door = call.resource.subresources[call.subresource];
  const definition = door?.type === 'scale' ? SCALE_DEFINITION : call.version.definition;
  return (old) => {
    // Sound: a stored object is JSON.
    const patched = applyPatch(type, old as Json, patch, definition, call);
    const { value, error, unknown } = conform(patched, definition, call.api.schema);
    if (error !== undefined)
      throw apiError(
        'Invalid',
        'the server rejected our request due to an error in our request',
        {},
        new SkerryError('BadRequest', error),
      );
    if (fieldValidation === 'Strict' && unknown.length > 0) {
      const { kind } = call.resource;
      const fields = unknown.map((path) => `unknown field "${path}"`).join(', ');
      throw badRequestError(
        `${kind} in version "${call.version.version}" cannot be handled as a ${kind}: strict decoding error: ${fields}`,
      );
    }
    if (fieldValidation === 'Warn') for (const path of unknown) call.warn(`unknown field "${path}"`);
    // Sound: it conforms to the definition of a kind.
    return value as KubeObject;
  };
}

function applyPatch(type: PatchType, old: Json, patch: Json, definition: string, call: Call): Json {
  if (type === 'json') {
    if (!Array.isArray(patch)) throw badRequestError('a JSON patch is a list of operations');
    return applyJsonPatch(old, patch);
  }
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) throw badRequestError('a merge patch is an object');
  return type === 'merge' ? applyMergePatch(old, patch) : applyStrategicPatch(old, patch, definition, call.api.schema);
}
