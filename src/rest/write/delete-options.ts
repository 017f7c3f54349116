import { badRequestError, invalidError } from '#api/status.ts';
import type { DeleteOptions } from './delete.ts';

/** DeleteOptions from a body or, where there is none, from the query. Throws 400 and 422. */
export function parseDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  // Sound: fields are read as unknown and checked one by one.
  const given = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const policy =
    given.propagationPolicy ??
    (given.orphanDependents === true ? 'Orphan' : undefined) ??
    query.get('propagationPolicy') ??
    undefined;
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    throw invalidError({ group: 'meta.k8s.io', name: 'DeleteOptions' }, '', [
      {
        reason: 'FieldValueNotSupported',
        field: 'propagationPolicy',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      },
    ]);
  }
  const grace = seconds(given.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined);
  const { uid, resourceVersion } = (
    typeof given.preconditions === 'object' && given.preconditions !== null ? given.preconditions : {}
  ) as Readonly<Record<string, unknown>>;
  return {
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
  };
}

function seconds(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = Number(value);
  if (!Number.isInteger(number))
    throw badRequestError(`gracePeriodSeconds: ${JSON.stringify(value)} is not a whole number of seconds`);
  return Math.max(0, number);
}
