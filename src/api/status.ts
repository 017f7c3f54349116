import { SkerryError, hasCode } from '#lib/error.ts';
import type { FieldError } from './field-error.ts';

/**
 * Errors as Kubernetes clients see them: a SkerryError whose code is a metav1.StatusReason, and the one table from code to
 * HTTP status. Texts are those of k8s.io/apimachinery/pkg/api/errors, recorded from a real server in test/support/k8s.
 */
export type Status = {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  /** `continue`: of a list whose token has expired. */
  readonly metadata: { readonly continue?: string };
  readonly status: 'Failure' | 'Success';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
};

export type StatusCause = { readonly reason: string; readonly message: string; readonly field?: string };

export type StatusDetails = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
};

/** A resource or kind with its group, for messages: `{ group: 'apps', name: 'deployments' }` reads `deployments.apps`. */
export type Qualified = { readonly group: string; readonly name: string };

const HTTP_STATUS: Readonly<Record<string, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
};

/** An error of the API: `reason` is its code, `details` and `metadata` travel in the Status. */
export function apiError(
  reason: string,
  message: string,
  details?: StatusDetails,
  cause?: unknown,
  metadata?: Status['metadata'],
): SkerryError {
  return new SkerryError(reason, message, {
    details: { ...details, ...(metadata === undefined ? {} : { metadata }), ...(details === undefined ? { bare: true } : {}) },
    ...(cause === undefined ? {} : { cause }),
  });
}

export const notFoundError = (resource: Qualified, name: string): SkerryError =>
  apiError('NotFound', `${qualify(resource)} "${name}" not found`, named(resource, name));

export const alreadyExistsError = (resource: Qualified, name: string): SkerryError =>
  apiError('AlreadyExists', `${qualify(resource)} "${name}" already exists`, named(resource, name));

export const conflictError = (resource: Qualified, name: string, why: string): SkerryError =>
  apiError('Conflict', `Operation cannot be fulfilled on ${qualify(resource)} "${name}": ${why}`, named(resource, name));

/** The text of every optimistic-concurrency conflict. */
export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export const forbiddenError = (resource: Qualified, name: string, why: string): SkerryError =>
  apiError('Forbidden', `${qualify(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`, named(resource, name));

export const badRequestError = (message: string): SkerryError => apiError('BadRequest', message);

export const invalidError = (kind: Qualified, name: string, errors: readonly FieldError[]): SkerryError => {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const what = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return apiError('Invalid', `${qualify(kind)} "${name}" is invalid: ${what}`, {
    ...named(kind, name),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
};

/** The Status and HTTP code of any error; one that is not ours is a 500 that tells nothing of the inside. */
export function statusOf(error: unknown): Status & { readonly code: number } {
  const ours = error instanceof SkerryError && error.code in HTTP_STATUS ? error : undefined;
  const reason = ours?.code ?? 'InternalError';
  // Sound: errors with these codes are made by apiError, or by the store, which adds `index` for its own callers.
  const {
    metadata = {},
    bare,
    index: _,
    ...details
  } = (ours?.details ?? { bare: true }) as StatusDetails & {
    readonly metadata?: Status['metadata'];
    readonly bare?: true;
    readonly index?: number;
  };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata,
    status: 'Failure',
    message: ours?.message ?? 'Internal error occurred',
    reason,
    ...(bare === true ? {} : { details }),
    code: HTTP_STATUS[reason] ?? 500,
  };
}

export const isNotFound = (error: unknown): boolean => hasCode(error, 'NotFound');
export const isConflict = (error: unknown): boolean => hasCode(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => hasCode(error, 'AlreadyExists');

/** One of its causes has this reason. */
export function hasCause(error: unknown, reason: string): boolean {
  // Sound: only apiError gives an error causes.
  const causes = (error instanceof SkerryError ? (error.details['causes'] ?? []) : []) as readonly StatusCause[];
  return causes.some((cause) => cause.reason === reason);
}

function qualify({ group, name }: Qualified): string {
  return group === '' ? name : `${name}.${group}`;
}

function named({ group, name: kind }: Qualified, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), ...(kind === '' ? {} : { kind }) };
}
