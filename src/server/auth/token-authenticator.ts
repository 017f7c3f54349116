import { accountUser } from '#api/kinds/service-account.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { KubeObject } from '#api/object.ts';
import { base64OfText } from '#api/text.ts';
import type { Clock } from '#lib/clock.ts';
import { parseTime } from '#lib/time.ts';
import type { User } from '#rest/request.ts';
import type { View } from '../view.ts';
import { readToken, type Named, type ReadClaims, type TokenClaims, type TokenKey } from './service-account-token.ts';

/**
 * Who a service account's token makes its bearer, and whether what it names is still there (pkg/serviceaccount/claims.go). Signatures that were found good
 * are remembered, everything else is looked at each time: a token is dead with the next request after its account, its pod or its secret is gone.
 */
export type TokenAuthenticator = {
  /** `audiences`: one of them must be meant by the token. */
  readonly identify: (token: string, audiences?: readonly string[]) => Identity | Refusal;
  /** What the API itself goes by. */
  readonly apiAudiences: readonly string[];
};

/** `audiences`: those of the asked ones that the token is meant for. */
export type Identity = { readonly user: User; readonly audiences: readonly string[] };
export type Refusal = { readonly refused: string };

export type TokenAuthenticatorOptions = {
  readonly key: TokenKey;
  readonly issuer: string;
  readonly view: () => View;
  readonly clock: Pick<Clock, 'now'>;
};

/** Tokens whose signatures are remembered. */
const KNOWN_MAX = 4_096;
/** Between the clocks of who signs and who looks; go-jose's. */
const LEEWAY_MS = 60_000;

type Known = { readonly claims: ReadClaims; readonly user: User };

export function createTokenAuthenticator({ key, issuer, view, clock }: TokenAuthenticatorOptions): TokenAuthenticator {
  const known = new Map<string, Known>();
  const apiAudiences = [issuer];
  const knownAs = (token: string): Known | undefined => {
    const before = known.get(token);
    if (before !== undefined) return before;
    const claims = readToken(key, issuer, token);
    if (claims === undefined) return undefined;
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= KNOWN_MAX) known.delete(oldest);
    const made = { claims, user: userOf(claims) };
    known.set(token, made);
    return made;
  };
  return {
    apiAudiences,
    identify: (token, asked = apiAudiences) => {
      const found = knownAs(token);
      if (found === undefined) return { refused: 'invalid bearer token' };
      const { claims, user } = found;
      // Those of secrets are for the API alone.
      const meant = claims.kind === 'legacy' ? apiAudiences : claims.audiences;
      const audiences = asked.filter((audience) => meant.includes(audience));
      if (audiences.length === 0)
        return {
          refused: `token audiences ${JSON.stringify(meant)} is invalid for the target audiences ${JSON.stringify(asked)}`,
        };
      const refused = trouble(claims, token, view(), clock.now());
      return refused === undefined ? { user, audiences } : { refused };
    },
  };
}

function userOf(claims: ReadClaims): User {
  const { account } = claims;
  const extra = claims.kind === 'bound' ? extraOf(claims) : {};
  return {
    name: accountUser(account),
    uid: account.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`, 'system:authenticated'],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function extraOf({ id, pod, node }: Extract<ReadClaims, { readonly kind: 'bound' }>): NonNullable<User['extra']> {
  const named = (sort: string, object: Named | undefined) =>
    object === undefined ? {} : { [`${EXTRA}/${sort}-name`]: [object.name], [`${EXTRA}/${sort}-uid`]: [object.uid] };
  return { [`${EXTRA}/credential-id`]: [`JTI=${id}`], ...named('node', node), ...named('pod', pod) };
}

const EXTRA = 'authentication.kubernetes.io';

/** Why it is good no more; undefined if it is. */
function trouble(claims: ReadClaims, token: string, view: View, nowMs: number): string | undefined {
  const { account } = claims;
  const found = view.get('serviceaccounts', account.namespace, account.name);
  const name = `${account.namespace}/${account.name}`;
  if (found === undefined) return `service account ${name} has been deleted`;
  if (found.metadata.uid !== account.uid)
    return `service account UID (${found.metadata.uid ?? ''}) does not match claim (${account.uid})`;
  if (isGone(found, nowMs)) return `service account ${name} has been deleted`;
  return claims.kind === 'legacy' ? secretTrouble(claims, token, view, nowMs) : boundTrouble(claims, view, nowMs);
}

function boundTrouble(claims: TokenClaims, view: View, nowMs: number): string | undefined {
  const { account, pod, secret, node, issuedAt, expiresAt } = claims;
  if (nowMs > expiresAt * 1_000 + LEEWAY_MS) return 'service account token has expired';
  if (nowMs < issuedAt * 1_000 - LEEWAY_MS) return 'service account token is not valid yet';
  const lacks = (resource: string, namespace: string, named: Named | undefined): boolean => {
    if (named === undefined) return false;
    const object = view.get(resource, namespace, named.name);
    return object === undefined || object.metadata.uid !== named.uid || isGone(object, nowMs);
  };
  // A pod's token tells of its node, and goes with the pod.
  const isVoid =
    lacks('pods', account.namespace, pod) ||
    lacks('secrets', account.namespace, secret) ||
    (pod === undefined && lacks('nodes', '', node));
  return isVoid ? 'service account token has been invalidated' : undefined;
}

function secretTrouble(
  { account, secret }: Extract<ReadClaims, { readonly kind: 'legacy' }>,
  token: string,
  view: View,
  nowMs: number,
): string | undefined {
  // Sound: the store keeps under this resource only secrets.
  const found = view.get('secrets', account.namespace, secret) as Secret | undefined;
  const isHeld = found !== undefined && !isGone(found, nowMs) && found.data?.['token'] === base64OfText(token);
  return isHeld ? undefined : 'service account token has been invalidated';
}

/** Its deletion has taken longer than it was given; whoever cleans up in that time still may. */
function isGone({ metadata }: KubeObject, nowMs: number): boolean {
  const deletedMs = parseTime(metadata.deletionTimestamp);
  return deletedMs !== undefined && deletedMs < nowMs - LEEWAY_MS;
}
