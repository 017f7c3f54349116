import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { explain } from '#lib/error.ts';
import { systemIds as ids } from '#lib/ids.ts';
import { createCa, newKey } from '#net/tls/certificates.ts';
import { parseKubeconfig, readKubeconfig } from './kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const key = newKey();
const certificate = await createCa('test', key, { nowMs: Date.UTC(2027, 0, 1), ids });
const GOOD = `
current-context: c
contexts: [{name: c, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: ${base64(certificate)}}}]
users: [{name: me, user: {client-certificate-data: ${base64(certificate)}, client-key-data: ${base64(key)}}}]
`;

test('what the current context names is taken', () => {
  expect(parseKubeconfig(GOOD, 'f')).toEqual({ server: 'https://127.0.0.1:6443', ca: certificate, certificate, key });
});

test.each([
  ['no YAML', () => '{', /^read f: it is no YAML .*: .*yaml/],
  ['a text', () => 'hello', /^read f: current-context is missing/],
  ['nothing', () => '', /^read f: current-context is missing/],
  [
    'a context that is not there',
    () => GOOD.replace('current-context: c', 'current-context: d'),
    /contexts has no entry named "d"/,
  ],
  ['a user that is not there', () => GOOD.replace('user: me', 'user: you'), /users has no entry named "you"/],
  ['no key', () => GOOD.replace(/, client-key-data: [^}]*/, ''), /client-key-data is missing/],
  ['a key that is cut', () => GOOD.replace(base64(key), base64(key).slice(0, 40)), /client-key-data is no private key/],
  [
    'a key for a certificate',
    () => GOOD.replace(base64(certificate), base64(key)),
    /certificate-authority-data is no certificate/,
  ],
  ['another scheme', () => GOOD.replace('https:', 'http:'), /server is no https URL: "http:\/\/127.0.0.1:6443"/],
])('refused with the file and what is wrong in it: %s', (_, text, why) => {
  const file = join(folder, 'admin.kubeconfig');
  writeFileSync(file, text());
  const told = (read: () => unknown) => {
    try {
      return read();
    } catch (error) {
      return explain(error);
    }
  };
  expect(told(() => parseKubeconfig(text(), 'f'))).toMatch(why);
  expect(told(() => readKubeconfig(file))).toContain(`read ${file}: `);
});

test('a file that is not there, or can not be read', () => {
  expect(() => readKubeconfig(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'NotFound' }));
  mkdirSync(join(folder, 'folder'));
  expect(() => readKubeconfig(join(folder, 'folder'))).toThrow(expect.objectContaining({ code: 'Forbidden' }));
});
