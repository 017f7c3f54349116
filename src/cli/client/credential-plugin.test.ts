import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { parsePlugin } from './credential-plugin.ts';
import { createProver } from './credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'plugin-'));
afterAll(() => rmSync(folder, { recursive: true }));

const entry = (fields = {}) => ({ file: '/kubeconfig', name: 'me', fields });
const V1 = 'client.authentication.k8s.io/v1';

function proverWith(answer: string, exec = {}) {
  const command = join(folder, 'plugin');
  writeFileSync(
    command,
    `#!/bin/sh\necho run >> "${folder}/runs"\necho "$KUBERNETES_EXEC_INFO" > "${folder}/asked"\n${answer}\n`,
  );
  chmodSync(command, 0o700);
  const cluster = entry({
    server: 'https://a:1',
    extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { x: 1 } }],
  });
  const plugin = parsePlugin(
    { apiVersion: V1, command, interactiveMode: 'Never', env: [{ name: 'TOKEN', value: 't1' }], ...exec },
    entry(),
    cluster,
    undefined,
  );
  return createProver({ plugin }, { environment: { PATH: '/usr/bin:/bin' }, interactive: () => false, clock: systemClock });
}

const GOOD = `echo '{"kind":"ExecCredential","apiVersion":"${V1}","status":{"token":"'$TOKEN'"}}'`;

test('a plugin is told what it needs, gives a token, and is run again only when that is refused', async () => {
  const { readFileSync } = await import('node:fs');
  const prover = proverWith(GOOD, { provideClusterInfo: true });
  expect(await prover.proof()).toEqual({ authorization: 'Bearer t1' });
  await prover.proof();
  const runs = () => readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length;
  expect(runs()).toBe(1);
  const cluster = { server: 'https://a:1', config: { x: 1 } };
  expect(JSON.parse(readFileSync(join(folder, 'asked'), 'utf8'))).toEqual({
    apiVersion: V1,
    kind: 'ExecCredential',
    spec: { interactive: false, cluster },
  });
  // A fresh one that is refused would be refused again.
  expect(prover.refused()).toBe(false);
  await prover.proof();
  expect(runs()).toBe(2);
});

test.each([
  ['exit 3', /it failed with exit code 3/],
  ['echo hello', /answered no JSON/],
  [`echo '{"kind":"Other"}'`, /answered no ExecCredential/],
  [`echo '{"kind":"ExecCredential","apiVersion":"${V1}beta1","status":{"token":"t"}}'`, /asked for/],
  [`echo '{"kind":"ExecCredential","apiVersion":"${V1}","status":{}}'`, /neither a token nor a certificate/],
])('a plugin that does %s is told of', async (answer, why) => {
  await expect(proverWith(answer).proof()).rejects.toThrow(why);
});

test('one that is not installed is told of with its hint, one that needs a terminal without one refused', async () => {
  await expect(proverWith('', { command: '/none', installHint: 'get it from x' }).proof()).rejects.toThrow(
    /not installed\nget it from x/,
  );
  await expect(proverWith('', { interactiveMode: 'Always' }).proof()).rejects.toThrow(/needs a terminal/);
});
