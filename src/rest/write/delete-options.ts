import { invalid, type FieldError } from '#api/field-error.ts';
import { badRequestError, invalidError } from '#api/status.ts';
import { isTrue } from '../route.ts';
import type { DeleteOptions } from './delete.ts';
import { isDryRun } from './write-options.ts';

/** DeleteOptions from a body or, where there is none, from the query. Throws 400 and 422. */
export function parseDeleteOptions(
  body: unknown,
  query: URLSearchParams,
): { readonly options: DeleteOptions; readonly dryRun: boolean } {
  // Sound: fields are read as unknown and checked one by one.
  const given = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const policy = propagation(given, query);
  const grace = seconds(given.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined);
  const { uid, resourceVersion } = (
    typeof given.preconditions === 'object' && given.preconditions !== null ? given.preconditions : {}
  ) as Readonly<Record<string, unknown>>;
  const options = {
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
  };
  return { options, dryRun: isDryRun(Array.isArray(given.dryRun) ? given.dryRun : [], 'DeleteOptions') };
}

/** The present word for it, or the one of old; both at once are refused. */
function propagation(
  given: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
): DeleteOptions['propagationPolicy'] | undefined {
  const policy = given.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  const orphans = given.orphanDependents ?? parsed(query.get('orphanDependents'));
  if (policy === undefined) return orphans === true ? 'Orphan' : orphans === false ? 'Background' : undefined;
  if (orphans !== undefined)
    throw refused(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  throw refused({
    reason: 'FieldValueNotSupported',
    field: 'propagationPolicy',
    message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
  });
}

function refused(error: FieldError): unknown {
  return invalidError({ group: 'meta.k8s.io', name: 'DeleteOptions' }, '', [error]);
}

function parsed(text: string | null): boolean | undefined {
  return text === null ? undefined : isTrue(text);
}

function seconds(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = Number(value);
  if (!Number.isInteger(number))
    throw badRequestError(`gracePeriodSeconds: ${JSON.stringify(value)} is not a whole number of seconds`);
  return Math.max(0, number);
}
