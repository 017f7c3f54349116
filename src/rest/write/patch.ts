import { parseJson } from '#api/encoding/json.ts';
import type { FieldValidation } from '#api/encoding/decode-body.ts';
import { invalid } from '#api/field-error.ts';
import { isJsonObject } from '#api/json-object.ts';
import { goText } from '#api/patch/go-text.ts';
import { applyJsonPatch, strayMembers } from '#api/patch/json-patch.ts';
import { applyMergePatch } from '#api/patch/merge-patch.ts';
import { applyStrategicPatch } from '#api/patch/strategic-patch.ts';
import { conform } from '#api/schema/conform.ts';
import type { Json, KubeObject } from '#api/object.ts';
import { apiError, badRequestError, invalidError } from '#api/status.ts';
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

type Judging = {
  readonly fieldValidation: FieldValidation;
  /** Wrong with the patch itself. */ readonly problems: readonly string[];
};

/** Throws 415 for another media type, 400 for a body that is no patch. */
export function patchOf(call: Call, request: HttpRequest, fieldValidation: FieldValidation): (old: KubeObject) => KubeObject {
  const media = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const type = Object.hasOwn(MEDIA, media) ? MEDIA[media] : undefined;
  if (media.startsWith(APPLY)) throw apiError('UnsupportedMediaType', NO_APPLY, {});
  if (type === undefined) throw apiError('UnsupportedMediaType', '415: Unsupported Media Type', {});
  const { value, duplicates } = parseJson(new TextDecoder().decode(request.body));
  const prefix = type === 'json' ? 'json patch ' : '';
  const stray = type === 'json' ? strayMembers(value) : [];
  const problems = [
    ...duplicates.map((path) => `${prefix}duplicate field "${path}"`),
    ...stray.map((path) => `${prefix}unknown field "${path}"`),
  ];
  const patch = patcher(call, type, value, { fieldValidation, problems });
  return (old) => {
    const patched = patch(old);
    checkPlace(call, patched, old.metadata.name ?? '');
    return patched;
  };
}

/** The function throws 400 or 422 where patch and object do not fit; a field that the kind does not have is left out with a warning, or refused if so asked. */
export function patcher(
  call: Call,
  type: PatchType,
  patch: Json,
  { fieldValidation, problems }: Judging = { fieldValidation: 'Warn', problems: [] },
): (old: KubeObject) => KubeObject {
  const door = call.resource.subresources[call.subresource];
  const definition = door?.type === 'scale' ? SCALE_DEFINITION : call.version.definition;
  return (old) => {
    // Sound: a stored object is JSON.
    const patched = applyPatch(type, old as Json, patch, definition, call);
    const { value, error, unknown } = conform(patched, definition, call.api.schema);
    const refused = (why: string) => {
      const shown = type === 'strategic' ? goText(patch) : JSON.stringify(patched).slice(0, SHOWN_MAX);
      return invalidError({ group: '', name: '' }, '', [invalid('patch', shown, why)]);
    };
    if (error !== undefined) throw refused(error);
    const told = fieldValidation === 'Ignore' ? [] : [...problems, ...unknown.map((path) => `unknown field "${path}"`)];
    if (fieldValidation === 'Strict' && told.length > 0) throw refused(`strict decoding error: ${told.join(', ')}`);
    for (const problem of told) call.warn(problem);
    // Sound: it conforms to the definition of a kind.
    return value as KubeObject;
  };
}

/** Characters of a patched object that an error repeats. */
const SHOWN_MAX = 1024;

function applyPatch(type: PatchType, old: Json, patch: Json, definition: string, call: Call): Json {
  switch (type) {
    case 'json':
      return applyJsonPatch(old, patch);
    case 'merge':
      if (!isJsonObject(patch)) throw badRequestError('error decoding patch: a merge patch is an object');
      return applyMergePatch(old, patch);
    case 'strategic':
      return applyStrategicPatch(old, patch, definition, call.api.schema);
  }
}
