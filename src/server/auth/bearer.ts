import { apiError } from '#api/status.ts';
import type { User } from '#rest/request.ts';
import { userOf, type Peer } from './peer.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

/** Who asks: whom TLS has proven, else whom the token in the Authorization header names. As upstream, a token that is not good is no anonymous request. */
export function identified(
  peer: Peer,
  authorization: string | undefined,
  { identify }: Pick<TokenAuthenticator, 'identify'>,
): { readonly user: User; readonly byToken: boolean } {
  const token = peer.type === 'user' ? undefined : bearerToken(authorization);
  if (token === undefined) return { user: userOf(peer), byToken: false };
  const found = identify(token);
  if ('refused' in found) throw apiError('Unauthorized', 'Unauthorized');
  return { user: found.user, byToken: true };
}

function bearerToken(authorization = ''): string | undefined {
  const [scheme = '', token = ''] = authorization.trim().split(' ');
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}
