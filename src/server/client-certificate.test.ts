import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { CLIENT_CERTIFICATE_PATH, EXPIRATION_SECONDS_MAX, parseClientCertificateAnswer } from '../api/client-certificate.ts';
import { explain } from '../lib/error.ts';
import { systemIds as ids } from '../lib/ids.ts';
import { silentLog as log } from '../lib/log.ts';
import { newKey } from '../net/tls/certificates.ts';
import { createSigningRequest, readSigningRequest } from '../net/tls/signing-request.ts';
import type { ApiOptions } from '../rest/options.ts';
import type { User } from '../rest/request.ts';
import { loadOrCreatePki, type Pki } from './auth/pki.ts';
import { clientCertificatePath, identityProblems } from './client-certificate.ts';

const NOW = Date.UTC(2027, 0, 1);
const ADMIN: User = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };
const HELPER: User = { name: 'helper', groups: ['helpers', 'system:authenticated'] };
const dataDir = mkdtempSync(join(tmpdir(), 'certificates-'));
let pki: Pki;
beforeAll(async () => {
  pki = await loadOrCreatePki({ dataDir, hosts: [], clock: { now: () => NOW }, ids });
});
afterAll(() => rmSync(dataDir, { recursive: true }));

/** Joe may be jane, and nobody else. */
const authorize: ApiOptions['authorize'] = async (user, target) => ({
  allowed: user.name !== 'joe' || (target.type === 'asked' && target.verb === 'impersonate' && target.name === 'jane'),
  reason: '',
});

async function ask(body: unknown, user: User = ADMIN, nowMs = NOW) {
  const clock = { ...manualClock(), now: () => nowMs };
  const handler = clientCertificatePath({ pki, authorize, clock, ids, log })[`POST ${CLIENT_CERTIFICATE_PATH}`];
  if (handler === undefined) throw new Error('there is such a path');
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const { signal } = new AbortController();
  const request = { method: 'POST', path: CLIENT_CERTIFICATE_PATH, query: new URLSearchParams(), headers: {}, body: bytes };
  const answer = await handler({ ...request, user, signal });
  if (answer.type !== 'value') throw new Error('it answers with a value');
  return parseClientCertificateAnswer(JSON.parse(String(answer.body)));
}
const refusalOf = (work: Promise<unknown>) => work.then(() => 'issued', explain);

test('a certificate is for the user, the groups, the key and the time that were asked for', async () => {
  const key = newKey();
  const groups = ['dev', 'Straße 7', 'x"system:masters"', '#0c01'];
  for (const user of ['jane', 'jane@example.com', 'Jörg, "O=system:masters", CN=x/y+z']) {
    const request = await createSigningRequest({ user, groups }, key);
    const { certificate, expires } = await ask({ request, expirationSeconds: 3_600 });
    const x509 = new X509Certificate(certificate);
    expect(await readSigningRequest(request)).toMatchObject({ user, groups });
    expect(x509.toLegacyObject().subject).toMatchObject({ CN: user, O: groups });
    expect(x509.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(x509.verify(new X509Certificate(pki.ca.certificate).publicKey)).toBe(true);
    expect([Date.parse(x509.validTo), Date.parse(expires)]).toEqual([NOW + 3_600_000, NOW + 3_600_000]);
    expect(x509.ca).toBe(false);
  }
});

test('what is no request, or no time, is told', async () => {
  const request = await createSigningRequest({ user: 'jane', groups: [] }, newKey());
  const [first = '', ...lines] = request.split('\n');
  const changed = [first, (lines[0] ?? '').replace(/^.{20}/, (text) => text.toLowerCase()), ...lines.slice(1)].join('\n');
  for (const [body, why] of [
    ['{', 'it is not JSON'],
    ['[]', 'request is not a text'],
    ['null', 'it is not an object'],
    [{ request, expirationSeconds: 0 }, 'expirationSeconds'],
    [{ request, expirationSeconds: 1.5 }, 'expirationSeconds'],
    [{ request, expirationSeconds: EXPIRATION_SECONDS_MAX + 1 }, 'expirationSeconds'],
    [{ request }, 'expirationSeconds'],
    [{ request: 'hello', expirationSeconds: 60 }, 'no PKCS #10 one'],
    [{ request: changed, expirationSeconds: 60 }, /no PKCS #10 one|not signed by the key/],
    [{ request: 'x'.repeat(20_000), expirationSeconds: 60 }, 'more than 16384'],
  ] as const)
    expect(await refusalOf(ask(body)), JSON.stringify(body).slice(0, 80)).toMatch(why);
});

test('nobody becomes a part of the cluster by a certificate, nor an administrator who is asked for by none', async () => {
  const check = (user: string, groups: readonly string[], asker: User, why: RegExp | undefined) =>
    why === undefined
      ? expect(identityProblems({ user, groups }, asker)).toEqual([])
      : expect(identityProblems({ user, groups }, asker).join('; ')).toMatch(why);
  check('jane', ['system:masters'], ADMIN, undefined);
  check('jane', ['system:masters'], HELPER, /only who is in the group/);
  check('jane', ['a'], HELPER, undefined);
  for (const name of ['system:node:n1', 'system:kube-scheduler', 'system:controller:namespace', 'system:skerry:join'])
    check(name, [], ADMIN, /can not begin with system:/);
  for (const group of ['system:nodes', 'system:authenticated', 'system:serviceaccounts'])
    check('jane', [group], ADMIN, /cluster itself/);
  check('', [], ADMIN, /is empty/);
  check('a\nb', [''], ADMIN, /control characters.*group's name is empty/);
  check(
    'jane',
    Array.from({ length: 33 }, (_, at) => `g${at}`),
    ADMIN,
    /more than 32/,
  );
  const request = await createSigningRequest({ user: 'system:node:n1', groups: [] }, newKey());
  expect(await refusalOf(ask({ request, expirationSeconds: 60 }))).toContain('can not begin with system:');
});

test('never is a certificate issued that makes its holder a node, a loop, or an administrator by somebody who is none', () => {
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom('system:masters', 'system:nodes', 'system:node:a', 'system:kube-scheduler', 'a'),
  );
  fc.assert(
    fc.property(name, fc.array(name, { maxLength: 4 }), fc.constantFrom(ADMIN, HELPER), (user, groups, asker) => {
      if (identityProblems({ user, groups }, asker).length > 0) return;
      expect(user.startsWith('system:')).toBe(false);
      const reserved = groups.filter((group) => group.startsWith('system:'));
      expect(reserved.every((group) => asker === ADMIN && group === 'system:masters')).toBe(true);
    }),
  );
});

test('a server whose clock stands in 1970 issues nothing short', async () => {
  const request = await createSigningRequest({ user: 'jane', groups: [] }, newKey());
  expect(await refusalOf(ask({ request, expirationSeconds: 60 }, ADMIN, 0))).toMatch(/clock says 1970-/);
});

test('nobody has a certificate made for whom they may not be', async () => {
  const joe: User = { name: 'joe', groups: ['system:authenticated'] };
  const asked = async (user: string, ...groups: readonly string[]) =>
    refusalOf(ask({ request: await createSigningRequest({ user, groups }, newKey()), expirationSeconds: 60 }, joe));
  expect(await asked('jane')).toBe('issued');
  expect(await asked('ann')).toContain('users "ann" is forbidden: User "joe" cannot impersonate resource "users"');
  expect(await asked('jane', 'devs')).toContain('groups "devs" is forbidden: User "joe" cannot impersonate resource "groups"');
});
