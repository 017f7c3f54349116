/** TokenRequests (authentication.k8s.io), the subresource `token` of service accounts: their defaults and rules. Tokens are made in src/server/auth. */
import { invalid, type FieldError } from '../../field-error.ts';
import type { AuthenticationTokenRequest, BoundObjectReference } from '../../generated/types.ts';
import { asGiven } from '../check.ts';

export type TokenRequest = AuthenticationTokenRequest;
export type { BoundObjectReference } from '../../generated/types.ts';

export const TOKEN_SECONDS_DEFAULT = 3_600;
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;

export type TokenWish = {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundObjectRef?: BoundObjectReference;
};

export function wishOf(request: TokenRequest): TokenWish {
  const { audiences = [], expirationSeconds = TOKEN_SECONDS_DEFAULT, boundObjectRef } = asGiven({ ...request.spec });
  return { audiences, expirationSeconds, ...(boundObjectRef === undefined ? {} : { boundObjectRef }) };
}

export function validateTokenRequest(request: TokenRequest): readonly FieldError[] {
  const { expirationSeconds } = wishOf(request);
  const path = 'spec.expirationSeconds';
  if (expirationSeconds < TOKEN_SECONDS_MIN)
    return [invalid(path, expirationSeconds, 'may not specify a duration less than 10 minutes')];
  if (expirationSeconds > TOKEN_SECONDS_MAX)
    return [invalid(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}
