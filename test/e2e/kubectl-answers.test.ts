import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tryRun } from '../../scripts/lab/exec.ts';
import { startApiWorld, type ApiWorld } from '../support/api-world.ts';
import { kubectl } from '../support/kubectl.ts';

/** What stock kubectl tells a user of what this server does not have, and of faults. The API alone: no nodes, no loops, no root. */
const VERSIONS = ['1.20', '1.32', '1.36'] as const;

let world: ApiWorld;
let cache: string;
beforeAll(async () => {
  world = await startApiWorld();
  cache = mkdtempSync(join(tmpdir(), 'skerry-kubectl-'));
});
afterAll(async () => {
  await world.stop();
  rmSync(cache, { recursive: true, force: true });
});

/** All that it prints, of each release, with its exit code before it. */
async function checkAnswer(args: readonly string[], expected: RegExp, manifest = ''): Promise<void> {
  for (const version of VERSIONS) {
    const common = ['--server', world.url, '--cache-dir', join(cache, version)];
    const { code, stdout, stderr } = await tryRun(kubectl(version), [...common, ...args], { input: manifest });
    expect(`${code} ${stdout}${stderr}`, `kubectl ${version} ${args.join(' ')}`).toMatch(expected);
  }
}

const manifest = (apiVersion: string, kind: string) => JSON.stringify({ apiVersion, kind, metadata: { name: 'x' } });

test('a kind that is not served is told by its name, in a group that is served or in none', async () => {
  for (const [version, kind] of [
    ['v1', 'PersistentVolumeClaim'],
    ['apps/v1', 'StatefulSet'],
    ['batch/v1', 'CronJob'],
    ['example.com/v1', 'Gadget'],
  ] as const) {
    for (const verb of ['create', 'apply'])
      await checkAnswer(
        [verb, '-f', '-'],
        new RegExp(`^1 error: .*no matches for kind "${kind}" in version "${version}"`),
        manifest(version, kind),
      );
  }
});

test('there are no custom resources, and the answer says so', async () => {
  const crd = manifest('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  await checkAnswer(['get', 'crd'], /^0 No resources found/);
  for (const verb of ['create', 'apply'])
    await checkAnswer([verb, '-f', '-'], /^1 .*custom resources are not supported by this release/, crd);
  await checkAnswer(['delete', '-f', '-', '--ignore-not-found'], /^0 $/, crd);
});

test('what is not there yet is told in words', async () => {
  const NAMESPACE = '/api/v1/namespaces/default';
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await world.call('POST', `${NAMESPACE}/serviceaccounts`, account);
  const spec = { containers: [{ name: 'c', image: 'app' }], nodeName: 'n1' };
  await world.call('POST', `${NAMESPACE}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec });
  await checkAnswer(['exec', 'web', '--', 'ls'], /^1 .*pods\/exec is not served by this release of Skerry/);
  await checkAnswer(['attach', 'web'], /^1 [^]*pods\/attach is not served by this release of Skerry/);
  const map = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } });
  await checkAnswer(['apply', '--server-side', '-f', '-'], /^1 .*server-side apply is not supported by this release/, map);
  await checkAnswer(
    ['--as=jane', 'get', 'secrets'],
    /^1 Error from server \(Forbidden\): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"/,
  );
  await checkAnswer(['top', 'nodes'], /^1 error: Metrics API not available/);
  await checkAnswer(['get', 'nosuch'], /^1 error: the server doesn't have a resource type "nosuch"/);
});
