import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parsePlainYaml } from '#api/encoding/plain-yaml.ts';
import { connectionOf } from '../../cli/client/connection.ts';
import { kubeconfigOf } from '../../cli/client/kubeconfig.ts';
import { systemIds as ids } from '../../lib/ids.ts';
import { issueClientCertificate } from '../../net/tls/certificates.ts';
import { certificateKeyHash } from '../../net/tls/key-hash.ts';
import { adminKubeconfig } from './admin-kubeconfig.ts';
import { loadOrCreatePki } from './pki.ts';

const NOW = Date.UTC(2027, 0, 1);
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const folders: string[] = [];
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'pki-'));
  folders.push(made);
  return made;
};
afterEach(() => {
  for (const each of folders.splice(0)) rmSync(each, { recursive: true });
});
const load = (dataDir: string, { nowMs = NOW, hosts = ['node-1', '10.0.0.1'] } = {}) =>
  loadOrCreatePki({ dataDir, hosts, clock: { now: () => nowMs }, ids });

test('what is made at the first start is found at the next, and only we can read it', async () => {
  const dataDir = folder();
  const first = await load(dataDir);
  const second = await load(dataDir);
  const { signingKey: a, recoveryKeyFile, isFirstStart, ...one } = first;
  const { signingKey: b, recoveryKeyFile: none, isFirstStart: again, ...two } = second;
  expect(two).toEqual(one);
  expect(a.equals(b)).toBe(true);
  expect([isFirstStart, again]).toEqual([true, false]);
  expect(none).toBeUndefined();
  expect(recoveryKeyFile).toBe(join(dataDir, 'recovery.key'));
  const pki = join(dataDir, 'server', 'pki');
  for (const file of [...readdirSync(pki).map((name) => join(pki, name)), join(dataDir, 'recovery.key')])
    expect(statSync(file).mode & 0o777, file).toBe(0o600);
  expect(statSync(pki).mode & 0o777).toBe(0o700);
  const recovery = createPublicKey(createPrivateKey(readFileSync(join(dataDir, 'recovery.key'))));
  expect(recovery.export({ type: 'spki', format: 'pem' })).toBe(first.recoveryPublicKey);
});

test('the server certificate is good for its names, and made anew with the same key when they change or a third of its life is left', async () => {
  const dataDir = folder();
  const first = await load(dataDir);
  const x509 = new X509Certificate(first.server.certificate);
  for (const host of ['localhost', 'node-1', 'kubernetes.default.svc']) expect(x509.checkHost(host)).toBe(host);
  for (const address of ['127.0.0.1', '::1', '10.0.0.1']) expect(x509.checkIP(address)).toBe(address);
  expect(x509.verify(new X509Certificate(first.ca.certificate).publicKey)).toBe(true);
  expect(Date.parse(x509.validFrom)).toBeLessThan(NOW);

  expect((await load(dataDir, { nowMs: NOW + YEAR_MS })).server.certificate).toBe(first.server.certificate);
  const later = await load(dataDir, { nowMs: NOW + 2.1 * YEAR_MS });
  expect(later.server.certificate).not.toBe(first.server.certificate);
  expect(later.serverKeyHash).toBe(first.serverKeyHash);
  const moved = await load(dataDir, { nowMs: NOW + 2.1 * YEAR_MS, hosts: ['10.0.0.2', '0.0.0.0'] });
  expect(new X509Certificate(moved.server.certificate).checkIP('10.0.0.2')).toBe('10.0.0.2');
  expect(new X509Certificate(moved.server.certificate).checkIP('10.0.0.1')).toBeUndefined();
  expect(moved.serverKeyHash).toBe(first.serverKeyHash);
});

test('names that were asked for are in it beside those every server has, wildcards too, and make nothing anew while they are the same', async () => {
  const dataDir = folder();
  const hosts = ['node-1', 'api.example.com', '*.edge.example', '203.0.113.7', '2001:db8::7'];
  const { server } = await load(dataDir, { hosts });
  const x509 = new X509Certificate(server.certificate);
  for (const host of ['api.example.com', 'x.edge.example', 'kubernetes.default.svc', 'node-1'])
    expect(x509.checkHost(host), host).toBeDefined();
  for (const address of ['203.0.113.7', '2001:db8::7']) expect(x509.checkIP(address)).toBe(address);
  expect((await load(dataDir, { hosts: [...hosts, 'localhost'] })).server.certificate).toBe(server.certificate);
  const less = await load(dataDir, { hosts: hosts.slice(0, 1) });
  expect(new X509Certificate(less.server.certificate).checkHost('api.example.com')).toBeUndefined();
  expect(new X509Certificate(less.server.certificate).checkHost('kubernetes.default.svc')).toBeDefined();
});

test('a server whose clock stands in 1970 makes certificates that are good today', async () => {
  const { ca, server } = await load(folder(), { nowMs: 0 });
  for (const pem of [ca.certificate, server.certificate]) {
    const x509 = new X509Certificate(pem);
    expect(Date.parse(x509.validFrom)).toBeLessThan(Date.UTC(2026, 0, 2));
    expect(Date.parse(x509.validTo)).toBeGreaterThan(Date.UTC(2028, 0, 1));
  }
});

test('whatever the clock said when they were made, no clock finds them not yet valid, and those for too long are made anew once it is set', async () => {
  for (const madeMs of [0, NOW - YEAR_MS, NOW, NOW + 5 * YEAR_MS]) {
    const dataDir = folder();
    const { ca, server, admin } = await load(dataDir, { nowMs: madeMs });
    for (const pem of [ca, server, admin].map(({ certificate }) => certificate))
      expect([madeMs, Date.parse(new X509Certificate(pem).validFrom)]).toEqual([madeMs, 0]);
    // One that stands in the past can not tell whether it is right.
    const lost = await load(dataDir, { nowMs: 0 });
    expect([lost.server.certificate, lost.admin.certificate]).toEqual([server.certificate, admin.certificate]);
    const right = await load(dataDir);
    const isSame = madeMs === NOW;
    expect([madeMs, right.admin.certificate === admin.certificate]).toEqual([madeMs, isSame]);
    const years = (pem: string) => Math.round((Date.parse(new X509Certificate(pem).validTo) - NOW) / YEAR_MS);
    expect([madeMs, years(right.admin.certificate)]).toEqual([madeMs, 1]);
    expect(years(right.server.certificate)).toBeLessThanOrEqual(3);
    expect(right.caKeyHash).toBe(certificateKeyHash(new X509Certificate(ca.certificate)));
  }
});

test('a leaf that an earlier release dated from a clock that was ahead is made anew as soon as it is seen', async () => {
  const dataDir = folder();
  const { ca, admin } = await load(dataDir);
  const [file, making] = [join(dataDir, 'server', 'pki', 'admin.crt'), { nowMs: NOW + 30 * DAY_MS, ids }];
  const who = { key: admin.key, user: 'kubernetes-admin', groups: ['system:masters'], ttlMs: YEAR_MS };
  const dated = await issueClientCertificate(ca, who, making);
  for (const nowMs of [NOW, 0]) {
    writeFileSync(file, dated);
    const { validFrom } = new X509Certificate((await load(dataDir, { nowMs })).admin.certificate);
    expect(Date.parse(validFrom)).toBe(0);
  }
});

test('a root that is missing or damaged later is named and never replaced', async () => {
  for (const name of ['ca.key', 'ca.crt', 'server.key', 'signing.key', 'recovery.pub']) {
    const dataDir = folder();
    await load(dataDir);
    const file = join(dataDir, 'server', 'pki', name);
    rmSync(file);
    await expect(load(dataDir)).rejects.toMatchObject({ code: 'BrokenPki', message: expect.stringContaining(file) });
    writeFileSync(file, 'garbage');
    await expect(load(dataDir)).rejects.toMatchObject({ code: 'BrokenPki', message: expect.stringContaining(file) });
    expect(readFileSync(file, 'utf8')).toBe('garbage');
  }
});

test('what can be made again is', async () => {
  const dataDir = folder();
  const first = await load(dataDir);
  for (const name of ['server.crt', 'admin.crt', 'admin.key', 'ticket.keys']) rmSync(join(dataDir, 'server', 'pki', name));
  writeFileSync(join(dataDir, 'server', 'pki', 'server.crt'), 'garbage');
  const second = await load(dataDir);
  expect(second.serverKeyHash).toBe(first.serverKeyHash);
  expect(second.admin.certificate).not.toBe(first.admin.certificate);
  expect(second.ticketKeys.length).toBe(48);
});

test('a first start that was cut short goes on with what it had', async () => {
  const dataDir = folder();
  const first = await load(dataDir);
  rmSync(join(dataDir, 'server', 'pki', 'cluster'));
  rmSync(join(dataDir, 'server', 'pki', 'recovery.pub'));
  const second = await load(dataDir);
  expect(second.isFirstStart).toBe(true);
  expect(second.caKeyHash).toBe(first.caKeyHash);
  expect(second.recoveryPublicKey).toBe(first.recoveryPublicKey);
});

test("a recovery key whose cluster is gone is no new cluster's, at the next start neither, and stays as it was", async () => {
  const dataDir = folder();
  await load(dataDir);
  const file = join(dataDir, 'recovery.key');
  const look = () => ({ text: readFileSync(file, 'utf8'), inode: statSync(file).ino, changedMs: statSync(file).mtimeMs });
  const before = look();
  rmSync(join(dataDir, 'server'), { recursive: true });
  for (let start = 1; start <= 2; start += 1)
    await expect(load(dataDir)).rejects.toMatchObject({ code: 'BrokenPki', message: expect.stringContaining(file) });
  expect(look()).toEqual(before);
  rmSync(file);
  expect((await load(dataDir)).isFirstStart).toBe(true);
});

test('a recovery key that a first start was cut short after is never written over, and named if it is none', async () => {
  const dataDir = folder();
  await load(dataDir);
  const file = join(dataDir, 'recovery.key');
  rmSync(join(dataDir, 'server', 'pki', 'cluster'));
  rmSync(join(dataDir, 'server', 'pki', 'recovery.pub'));
  writeFileSync(file, 'garbage');
  await expect(load(dataDir)).rejects.toMatchObject({ code: 'BrokenPki', message: `read ${file}: it is no private key` });
  expect(readFileSync(file, 'utf8')).toBe('garbage');
});

test('the kubeconfig is read by our own command line', async () => {
  const pki = await load(folder());
  // By the plain reader, too: loading the whole one costs each command 17 ms.
  const config = parsePlainYaml(adminKubeconfig(pki, 'https://10.0.0.1:6443')) ?? null;
  expect(connectionOf(kubeconfigOf(config, 'admin.kubeconfig'), {}, String)).toMatchObject({
    server: 'https://10.0.0.1:6443',
    ca: pki.ca.certificate,
    credentials: { certificate: pki.admin.certificate, key: pki.admin.key },
  });
});
