import type { DeleteOptions as Given } from '#api/generated/types.ts';
import { decodeAny } from '#api/encoding/decode-body.ts';
import { invalid, notSupported, type FieldError } from '#api/field-error.ts';
import { conform } from '#api/schema/conform.ts';
import { badRequestError, invalidError } from '#api/status.ts';
import type { Call } from '../options.ts';
import type { HttpRequest } from '../request.ts';
import { isTrue } from '../route.ts';
import type { DeleteOptions } from './delete.ts';
import { isDryRun } from './write-options.ts';

/**
 * DeleteOptions of a body or, where it does not say, of the query. What is not understood is refused: it may be there to keep the object.
 * Throws 400, 415 and 422.
 */
export function deleteOptions(call: Call, request: HttpRequest): { readonly options: DeleteOptions; readonly dryRun: boolean } {
  const given = bodyOf(call, request);
  const policy = propagation(given, request.query);
  const grace = given.gracePeriodSeconds ?? seconds(request.query.get('gracePeriodSeconds'));
  const { uid, resourceVersion } = given.preconditions ?? {};
  const options = {
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    // Upstream takes a second for less than none.
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace < 0 ? 1 : grace }),
    preconditions: { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
  return { options, dryRun: isDryRun(given.dryRun ?? [], 'DeleteOptions') };
}

const DEFINITION = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

function bodyOf({ api: { schema } }: Call, { body, headers }: HttpRequest): Given {
  if (body.length === 0) return {};
  const { value, error } = conform(decodeAny(body, headers['content-type'], 'DeleteOptions', schema), DEFINITION, schema);
  if (error !== undefined) throw badRequestError(`DeleteOptions in version "v1" cannot be handled as a DeleteOptions: ${error}`);
  // Sound: it conforms to the definition.
  return value as Given;
}

/** The present word for it, or the one of old; both at once are refused. */
function propagation(given: Given, query: URLSearchParams): DeleteOptions['propagationPolicy'] | undefined {
  const policy = given.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  const orphans = given.orphanDependents ?? parsed(query.get('orphanDependents'));
  if (policy === undefined) return orphans === true ? 'Orphan' : orphans === false ? 'Background' : undefined;
  if (orphans !== undefined)
    throw refused(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  throw refused(notSupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan', 'nil']));
}

function refused(error: FieldError): unknown {
  return invalidError({ group: 'meta.k8s.io', name: 'DeleteOptions' }, '', [error]);
}

function parsed(text: string | null): boolean | undefined {
  return text === null ? undefined : isTrue(text);
}

function seconds(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text))
    throw badRequestError(`gracePeriodSeconds: ${JSON.stringify(text)} is not a whole number of seconds`);
  return Number(text);
}
