import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { viewOf, type Standing } from '../../../test/support/view-of.ts';
import { base64OfText } from '../../api/text.ts';
import { rfc3339 } from '../../lib/time.ts';
import { identified } from './bearer.ts';
import { openIdPaths } from './openid.ts';
import { mintSecretToken, mintToken, tokenIssuer, tokenKeyOf, type TokenClaims } from './service-account-token.ts';
import { createTokenAuthenticator } from './token-authenticator.ts';

const NOW_MS = Date.parse('2026-03-01T00:00:00Z');
const key = tokenKeyOf(generateKeyPairSync('ed25519').privateKey);
const issuer = tokenIssuer('cluster.local');
const account = { namespace: 'shop', name: 'bot', uid: 'uid-bot' };
const pod = { name: 'web', uid: 'uid-web' };
const claims: TokenClaims = {
  issuer,
  audiences: [issuer, 'vault'],
  account,
  issuedAt: NOW_MS / 1_000,
  expiresAt: NOW_MS / 1_000 + 3_600,
};

function standing(resource: string, name: string, uid = `uid-${name}`, more: object = {}, deletedMs?: number): Standing {
  const metadata = {
    name,
    uid,
    ...(resource === 'nodes' ? {} : { namespace: 'shop' }),
    ...(deletedMs === undefined ? {} : { deletionTimestamp: rfc3339(deletedMs) }),
  };
  return { resource, object: { apiVersion: 'v1', kind: 'X', metadata, ...more } };
}

const BOT = standing('serviceaccounts', 'bot');

/** The user's name, or why there is none. */
function check(
  token: string,
  objects: readonly Standing[],
  expected: string,
  { nowMs = NOW_MS, audiences }: { readonly nowMs?: number; readonly audiences?: readonly string[] } = {},
): void {
  const view = viewOf(objects);
  const found = createTokenAuthenticator({ key, issuer, view: () => view, clock: { now: () => nowMs } }).identify(
    token,
    audiences,
  );
  expect('refused' in found ? found.refused : found.user.name).toBe(expected);
}

const USER = 'system:serviceaccount:shop:bot';
const VOID = 'service account token has been invalidated';

test('a token is its account’s for as long as it says, with a minute’s leeway', () => {
  const token = mintToken(key, claims);
  check(token, [BOT], USER);
  check(token, [BOT], USER, { nowMs: NOW_MS - 50_000 });
  check(token, [BOT], 'service account token is not valid yet', { nowMs: NOW_MS - 70_000 });
  check(token, [BOT], USER, { nowMs: NOW_MS + 3_650_000 });
  check(token, [BOT], 'service account token has expired', { nowMs: NOW_MS + 3_670_000 });
  check(`${token}x`, [BOT], 'invalid bearer token');
  check(token, [BOT], USER, { audiences: ['vault'] });
  check(token, [BOT], `token audiences ["${issuer}","vault"] is invalid for the target audiences ["other"]`, {
    audiences: ['other'],
  });
});

test('a token is dead once what it is bound to is gone', () => {
  const gone = 'service account shop/bot has been deleted';
  check(mintToken(key, claims), [], gone);
  check(
    mintToken(key, claims),
    [standing('serviceaccounts', 'bot', 'another')],
    'service account UID (another) does not match claim (uid-bot)',
  );
  check(mintToken(key, claims), [standing('serviceaccounts', 'bot', 'uid-bot', {}, NOW_MS - 61_000)], gone);
  check(mintToken(key, claims), [standing('serviceaccounts', 'bot', 'uid-bot', {}, NOW_MS + 5_000)], USER);
  const ofPod = mintToken(key, { ...claims, pod, node: { name: 'n1', uid: 'uid-n1' } });
  check(ofPod, [BOT, standing('pods', 'web')], USER);
  check(ofPod, [BOT], VOID);
  check(ofPod, [BOT, standing('pods', 'web', 'another')], VOID);
  check(ofPod, [BOT, standing('pods', 'web', 'uid-web', {}, NOW_MS - 61_000)], VOID);
  const ofNode = mintToken(key, { ...claims, node: { name: 'n1', uid: 'uid-n1' } });
  check(ofNode, [BOT, standing('nodes', 'n1')], USER);
  check(ofNode, [BOT], VOID);
  const ofSecret = mintToken(key, { ...claims, secret: { name: 's', uid: 'uid-s' } });
  check(ofSecret, [BOT, standing('secrets', 's')], USER);
  check(ofSecret, [BOT], VOID);
});

test('the token of a secret holds while the secret holds it', () => {
  const token = mintSecretToken(key, account, 's');
  const secret = (text: string) => standing('secrets', 's', 'uid-s', { data: { token: base64OfText(text) } });
  check(token, [BOT, secret(token)], USER, { nowMs: NOW_MS + 10 ** 12 });
  check(token, [BOT, secret('another')], VOID);
  check(token, [BOT], VOID);
  check(token, [BOT, secret(token)], `token audiences ["${issuer}"] is invalid for the target audiences ["vault"]`, {
    audiences: ['vault'],
  });
});

test('who a token makes its bearer, as upstream tells it', () => {
  const token = mintToken(key, { ...claims, pod, node: { name: 'n1', uid: 'uid-n1' }, id: 'j1' });
  const view = viewOf([BOT, standing('pods', 'web')]);
  const tokens = createTokenAuthenticator({ key, issuer, view: () => view, clock: { now: () => NOW_MS } });
  const user = {
    name: USER,
    uid: 'uid-bot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': ['JTI=j1'],
      'authentication.kubernetes.io/node-name': ['n1'],
      'authentication.kubernetes.io/node-uid': ['uid-n1'],
      'authentication.kubernetes.io/pod-name': ['web'],
      'authentication.kubernetes.io/pod-uid': ['uid-web'],
    },
  };
  const anonymous = { type: 'anonymous' } as const;
  expect(identified(anonymous, `bearer ${token}`, tokens)).toEqual({ user, byToken: true });
  expect(identified({ type: 'node', node: 'n1', keyHash: 'h' }, `Bearer ${token}`, tokens).user).toEqual(user);
  // What TLS has proven goes before whatever a header says.
  const jane = { name: 'jane', groups: [] };
  expect(identified({ type: 'user', user: jane, untilMs: Infinity }, `Bearer ${token}x`, tokens)).toEqual({
    user: jane,
    byToken: false,
  });
  for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Basic abc'])
    expect(identified(anonymous, header, tokens).user.name).toBe('system:anonymous');
  expect(() => identified(anonymous, `Bearer ${token}x`, tokens)).toThrow('Unauthorized');
});

test('others can check a token by what is published', async () => {
  const paths = openIdPaths(key, issuer);
  const read = async (path: string): Promise<unknown> => {
    const { signal } = new AbortController();
    const request = { method: 'GET', path, query: new URLSearchParams(), headers: {}, body: new Uint8Array() };
    const answer = await paths[`GET ${path}`]?.({ ...request, user: { name: 'x', groups: [] }, signal });
    return answer?.type === 'value' ? JSON.parse(String(answer.body)) : undefined;
  };
  expect(await read('/.well-known/openid-configuration')).toMatchObject({ issuer, jwks_uri: `${issuer}/openid/v1/jwks` });
  const { keys } = (await read('/openid/v1/jwks')) as { readonly keys: readonly { readonly kid: string }[] };
  const [header = '', payload = '', signature = ''] = mintToken(key, claims).split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { readonly kid: string };
  const jwk = keys.find((each) => each.kid === kid) ?? {};
  const published = createPublicKey({ key: jwk, format: 'jwk' });
  expect(verify(null, Buffer.from(`${header}.${payload}`), published, Buffer.from(signature, 'base64url'))).toBe(true);
});
