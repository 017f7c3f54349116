import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { accountUser } from '#api/kinds/service-account.ts';

/**
 * Service accounts' tokens: JWTs (RFC 7519) signed with EdDSA (RFC 8037), with the claims of Kubernetes' bound tokens. Pure: the same claims and
 * key give the same bytes, on any machine and after any restart, so that a token may stand in a node's document. Whether what a token
 * names is still there is token-authenticator.ts.
 */
export type TokenKey = { readonly id: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject };

export type TokenClaims = {
  readonly issuer: string;
  /** At least one. */
  readonly audiences: readonly string[];
  readonly account: Named & { readonly namespace: string };
  /** The token is good only as long as this object is there; of a pod also its node, for whoever looks at the token. */
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Default: made from all the others, so tokens that say the same have the same. */
  readonly id?: string;
};

export type Named = { readonly name: string; readonly uid: string };

/** What a token of ours says. `kind: legacy` are those of secrets, which never expire and have no audience. */
export type ReadClaims =
  | ({ readonly kind: 'bound' } & TokenClaims & { readonly id: string })
  | { readonly kind: 'legacy'; readonly account: TokenClaims['account']; readonly secret: string };

/** Where tokens come from: the API's name inside the cluster. It is what the API is called as an audience, too. */
export function tokenIssuer(clusterDomain: string): string {
  return `https://kubernetes.default.svc.${clusterDomain}`;
}

/** The name by which a token says which key signed it: upstream's, so that who compares keys finds the same. */
export function tokenKeyOf(privateKey: KeyObject): TokenKey {
  const publicKey = createPublicKey(privateKey);
  const id = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, privateKey, publicKey };
}

export function mintToken(key: TokenKey, claims: TokenClaims): string {
  return signed(key, { ...payloadOf(claims), jti: claims.id ?? idOf(claims) });
}

/** The token of a secret of type kubernetes.io/service-account-token: good until the secret or the account is deleted. */
export function mintSecretToken(key: TokenKey, account: TokenClaims['account'], secret: string): string {
  return signed(key, {
    iss: LEGACY_ISSUER,
    [`${LEGACY}namespace`]: account.namespace,
    [`${LEGACY}secret.name`]: secret,
    [`${LEGACY}service-account.name`]: account.name,
    [`${LEGACY}service-account.uid`]: account.uid,
    sub: accountUser(account),
  });
}

/** undefined: no token of this key and issuer, whoever else it may be good for. Dates and audiences are not looked at. */
export function readToken(key: TokenKey, issuer: string, token: string): ReadClaims | undefined {
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
  const [header = '', payload = '', signature = '', ...more] = token.split('.');
  if (more.length > 0 || header !== headerOf(key)) return undefined;
  const bytes = Buffer.from(signature, 'base64url');
  // One text for one signature: a second spelling of the same bytes would be a second token.
  if (bytes.toString('base64url') !== signature) return undefined;
  if (!verify(null, Buffer.from(`${header}.${payload}`), key.publicKey, bytes)) return undefined;
  return claimsIn(jsonOf(payload), issuer);
}

/** More than a request's headers may have in all. */
const TOKEN_CHARACTERS_MAX = 16 * 1024;

const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const LEGACY = 'kubernetes.io/serviceaccount/';

function headerOf({ id }: TokenKey): string {
  return encoded({ alg: 'EdDSA', kid: id });
}

function signed(key: TokenKey, payload: unknown): string {
  const text = `${headerOf(key)}.${encoded(payload)}`;
  return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** The order of the members is part of the bytes: it never changes. */
function payloadOf({ issuer, audiences, account, pod, secret, node, issuedAt, expiresAt }: TokenClaims) {
  const named = ({ name, uid }: Named): Named => ({ name, uid });
  return {
    aud: audiences,
    exp: expiresAt,
    iat: issuedAt,
    iss: issuer,
    'kubernetes.io': {
      namespace: account.namespace,
      ...(node === undefined ? {} : { node: named(node) }),
      ...(pod === undefined ? {} : { pod: named(pod) }),
      ...(secret === undefined ? {} : { secret: named(secret) }),
      serviceaccount: named(account),
    },
    nbf: issuedAt,
    sub: accountUser(account),
  };
}

/** In the form of a UUID of version 8 (RFC 9562), whose bits are free. */
function idOf(claims: TokenClaims): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify(payloadOf(claims)))
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

type Members = Readonly<Record<string, unknown>>;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    // Signed by us it would be JSON; whatever it is, it is no token.
    return undefined;
  }
}

/** What is signed with our key was written above, by this release or another: what is missing makes it no token, never an error. */
function claimsIn(payload: unknown, issuer: string): ReadClaims | undefined {
  if (!isMembers(payload)) return undefined;
  if (payload['iss'] === LEGACY_ISSUER) return legacyIn(payload);
  const { iss, aud, exp, iat, jti, 'kubernetes.io': own } = payload;
  if (iss !== issuer || !isTexts(aud) || !isMembers(own)) return undefined;
  const [account, pod, secret, node] = [own['serviceaccount'], own['pod'], own['secret'], own['node']].map(namedIn);
  const { namespace } = own;
  if (account === undefined || !isText(namespace) || !isText(jti) || !isSeconds(exp) || !isSeconds(iat)) return undefined;
  return {
    kind: 'bound',
    issuer,
    audiences: aud,
    account: { ...account, namespace },
    ...(pod === undefined ? {} : { pod }),
    ...(secret === undefined ? {} : { secret }),
    ...(node === undefined ? {} : { node }),
    issuedAt: iat,
    expiresAt: exp,
    id: jti,
  };
}

function legacyIn(payload: Members): ReadClaims | undefined {
  const [namespace, secret, name, uid] = ['namespace', 'secret.name', 'service-account.name', 'service-account.uid'].map(
    (field) => payload[`${LEGACY}${field}`],
  );
  if (!isText(namespace) || !isText(secret) || !isText(name) || !isText(uid)) return undefined;
  return { kind: 'legacy', account: { namespace, name, uid }, secret };
}

function namedIn(value: unknown): Named | undefined {
  if (!isMembers(value)) return undefined;
  const { name, uid } = value;
  return isText(name) && isText(uid) ? { name, uid } : undefined;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}
