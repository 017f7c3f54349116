import { json } from '#rest/answer.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { TokenKey } from './service-account-token.ts';

/** By which others check service accounts' tokens without asking the server: OpenID Connect discovery and the key (RFC 7517), as upstream publishes them. */
export function openIdPaths(key: TokenKey, issuer: string): ApiOptions['paths'] {
  const configuration = {
    issuer,
    jwks_uri: `${issuer}${KEYS_PATH}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['EdDSA'],
  };
  const keys = { keys: [{ use: 'sig', ...key.publicKey.export({ format: 'jwk' }), kid: key.id, alg: 'EdDSA' }] };
  return {
    'GET /.well-known/openid-configuration': async () => json(configuration),
    [`GET ${KEYS_PATH}`]: async () => {
      const answer = json(keys);
      return { ...answer, headers: { ...answer.headers, 'content-type': 'application/jwk-set+json' } };
    },
  };
}

const KEYS_PATH = '/openid/v1/jwks';
