import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { mintSecretToken, mintToken, readToken, tokenKeyOf, type TokenClaims } from './service-account-token.ts';

/** The key of RFC 8037's appendix A. */
const key = tokenKeyOf(
  createPrivateKey({
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    },
    format: 'jwk',
  }),
);
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const claims: TokenClaims = {
  issuer: ISSUER,
  audiences: [ISSUER],
  account: { namespace: 'shop', name: 'web', uid: 'uid-web' },
  pod: { name: 'web-1', uid: 'uid-pod' },
  node: { name: 'n1', uid: 'uid-node' },
  issuedAt: 1_700_000_000,
  expiresAt: 1_731_536_000,
};

const payload = (token: string): unknown => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test('the same claims are the same bytes, and what upstream’s tokens say', () => {
  const token = mintToken(key, claims);
  expect(mintToken(tokenKeyOf(key.privateKey), { ...claims })).toBe(token);
  expect(mintToken(key, { ...claims, issuedAt: claims.issuedAt + 1 })).not.toBe(token);
  // These very bytes stand in nodes' ledgers: another text here restarts nothing, but sends every token to every node anew.
  expect(token).toMatchInlineSnapshot(
    `"eyJhbGciOiJFZERTQSIsImtpZCI6IkJ1UDlqOW9wdTJDcldWVjk1aDdiQ3V6Ykl4RTB2akRuVzBWZmpodDVMNmsifQ.eyJhdWQiOlsiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjLmNsdXN0ZXIubG9jYWwiXSwiZXhwIjoxNzMxNTM2MDAwLCJpYXQiOjE3MDAwMDAwMDAsImlzcyI6Imh0dHBzOi8va3ViZXJuZXRlcy5kZWZhdWx0LnN2Yy5jbHVzdGVyLmxvY2FsIiwia3ViZXJuZXRlcy5pbyI6eyJuYW1lc3BhY2UiOiJzaG9wIiwibm9kZSI6eyJuYW1lIjoibjEiLCJ1aWQiOiJ1aWQtbm9kZSJ9LCJwb2QiOnsibmFtZSI6IndlYi0xIiwidWlkIjoidWlkLXBvZCJ9LCJzZXJ2aWNlYWNjb3VudCI6eyJuYW1lIjoid2ViIiwidWlkIjoidWlkLXdlYiJ9fSwibmJmIjoxNzAwMDAwMDAwLCJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDp3ZWIiLCJqdGkiOiI2MTE0MGM2NC02ODRkLThmNGUtYTUwNS0xZDMwMmFlMWI1NGIifQ.6LL8Y2eqBfnryzd_CxnEKj9PdlMIO03YccdWV6g9XtuWv6RpwPNjhEnhXE5-epDOz-Z3g_iMhR4mAkd2_T1GBQ"`,
  );
  expect(payload(token)).toEqual({
    aud: [ISSUER],
    exp: 1_731_536_000,
    iat: 1_700_000_000,
    iss: ISSUER,
    jti: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    'kubernetes.io': {
      namespace: 'shop',
      node: { name: 'n1', uid: 'uid-node' },
      pod: { name: 'web-1', uid: 'uid-pod' },
      serviceaccount: { name: 'web', uid: 'uid-web' },
    },
    nbf: 1_700_000_000,
    sub: 'system:serviceaccount:shop:web',
  });
});

test('a token is read back as it was minted', () => {
  expect(readToken(key, ISSUER, mintToken(key, { ...claims, id: 'j1' }))).toEqual({ kind: 'bound', ...claims, id: 'j1' });
  expect(readToken(key, ISSUER, mintSecretToken(key, claims.account, 'web-token'))).toEqual({
    kind: 'legacy',
    account: claims.account,
    secret: 'web-token',
  });
});

test('what is not exactly a token of this key and issuer is none', () => {
  const token = mintToken(key, claims);
  const [header = '', body = '', signature = ''] = token.split('.');
  const other = tokenKeyOf(generateKeyPairSync('ed25519').privateKey);
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // Spells the same bytes: the last character of 64 bytes has two bits that say nothing.
  const last = signature.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const respelt = signature.slice(0, -1) + (alphabet[alphabet.indexOf(last) + 1] ?? '');
  const wrong: Readonly<Record<string, string>> = {
    nothing: '',
    'no parts': 'abc',
    'a part too many': `${token}.x`,
    'a signature of nothing': `${header}.${body}.`,
    'an algorithm of none': `${encoded({ alg: 'none', kid: key.id })}.${body}.`,
    'another key': mintToken(other, claims),
    'another issuer': mintToken(key, { ...claims, issuer: 'https://elsewhere' }),
    'another payload': `${header}.${encoded({ ...(payload(token) as object), sub: 'system:serviceaccount:shop:admin' })}.${signature}`,
    'another spelling': `${header}.${body}.${respelt}`,
    'too long': `${token}${'A'.repeat(20_000)}`,
  };
  for (const [what, text] of Object.entries(wrong)) expect(readToken(key, ISSUER, text), what).toBeUndefined();
});
