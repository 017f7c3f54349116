import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { tryRun } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** What is refused, each with its reason on stderr and an exit code, before anything is changed. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(2);
  await world.join(host(0));
  await host(1).boot({ engine: false });
});
afterAll(() => world.lab.remove());

function host(at: number): Host {
  const found = world.lab.nodes[at];
  if (found === undefined) throw new Error(`there is no node ${at}`);
  return found;
}

/** The program on the second host, which is not joined. */
async function checkRefused(argv: readonly string[], code: number, reason: RegExp): Promise<void> {
  const script = `${[PROGRAM, ...argv].map((word) => `'${word}'`).join(' ')} 2>&1; echo "exit $?"`;
  const output = await host(1).exec('timeout', '40', '/bin/sh', '-c', script);
  expect(output).toMatch(reason);
  expect(output.trimEnd().split('\n').at(-1)).toBe(`exit ${code}`);
}

const agent = (token: string, name = 'edge-2', ...more: readonly string[]) => [
  'agent',
  '--server',
  world.lab.serverUrl,
  '--token',
  token,
  '--node-name',
  name,
  '--data-dir',
  `${host(1).disk}/skerry`,
  '--log-level',
  'error',
  ...more,
];

test('tokens', async () => {
  const token = await world.lab.createToken('--uses', '1');
  const [prefix, hash, id, secret = ''] = token.split('.');
  await checkRefused(agent('skr1.nonsense'), 2, /does not look like skr1/);
  await checkRefused(agent([prefix, hash, id, secret.replaceAll(/./g, 'x')].join('.')), 3, /secret|token/);
  await checkRefused(agent([prefix, hash, 'nobody00', secret].join('.')), 3, /token/);
  const otherKey = createHash('sha256').update('another').digest('base64url');
  await checkRefused(agent([prefix, otherKey, id, secret].join('.')), 1, /key|CA/);
  const short = await world.lab.createToken('--ttl', '1s');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await checkRefused(agent(short), 3, /expired/);
});

test('names', async () => {
  await checkRefused(agent(await world.lab.createToken(), 'edge-1'), 3, /edge-1.*another key|another key.*edge-1|pinned/s);
  await checkRefused(agent(await world.lab.createToken(), 'Edge_2'), 2, /Edge_2/);
});

test('flags', async () => {
  await checkRefused(['agent', '--capacity', 'gpu=1'], 2, /"gpu" can not be capped/);
  await checkRefused(['agent', '--labels', 'nonsense'], 2, /has no key and value/);
  await checkRefused(['agent', '--docker', '/run/docker.sock'], 2, /unix:\/\//);
  await checkRefused(['agent', '--sever', 'x'], 2, /Did you mean --server/);
  await checkRefused(['sever'], 2, /Did you mean server/);
  await checkRefused(['server', '--listen', 'nowhere'], 2, /HOST:PORT/);
  await checkRefused(['agent', '--data-dir', `${host(1).disk}/empty`], 2, /--server|--token/);
});

test('a data folder or a port that is taken, or that can not be written', async () => {
  const dataDir = `${world.lab.server.disk}/skerry`;
  const server = async (...argv: readonly string[]) =>
    world.lab.server.exec(
      'timeout',
      '40',
      '/bin/sh',
      '-c',
      `${[PROGRAM, 'server', '--no-agent', '--log-level', 'error', ...argv].join(' ')} 2>&1; echo "exit $?"`,
    );
  expect(await server('--data-dir', dataDir, '--listen', '127.0.0.1:7443')).toMatch(
    /another process has it open[\s\S]*exit [1-9]/,
  );
  expect(await server('--data-dir', `${dataDir}-2`, '--listen', `${world.lab.server.address}:6443`)).toMatch(
    /in use|EADDRINUSE[\s\S]*exit [1-9]/,
  );
  expect(await server('--data-dir', '/proc/nowhere', '--listen', '127.0.0.1:7443')).toMatch(/\/proc\/nowhere[\s\S]*exit [1-9]/);
});

test('manifests: each fault has one clear answer, and the server goes on', async () => {
  const answers: readonly (readonly [string, RegExp])[] = [
    ['{', /unexpected EOF/],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: X_Y}', /Invalid value: "X_Y"/],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndta: {a: b}', /unknown field "dta"/],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: {b: c}}', /ConfigMap/],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}', /namespaces "nowhere" not found/],
    ['apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}', /spec.containers: Required value/],
    ['apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: -1}', /spec.selector: Required value/],
    ['apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 99999}]}', /must be between 1 and 65535/],
  ];
  for (const [manifest, reason] of answers) {
    const refusal = await world.kubectlWith(manifest, 'create', '-f', '-').then(
      () => 'created',
      (error: Error) => error.message,
    );
    expect(refusal, manifest).toMatch(reason);
  }
  expect((await tryRun('curl', ['-sk', `${world.lab.serverUrl}/readyz`])).stdout).toBe('ok');
});

test('a node that others keep through the API is scheduled to like any other, and turns Unknown when its Lease stops', async () => {
  const now = () => new Date().toISOString().replace('Z', '000Z');
  await world.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'kept', labels: { kept: 'yes' } } });
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'kept', namespace: 'kube-node-lease' } };
  await world.create({ ...lease, spec: { holderIdentity: 'kept', leaseDurationSeconds: 8, renewTime: now() } });
  const resources = { cpu: '4', memory: '8Gi', pods: '10' };
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady', message: '', lastHeartbeatTime: now(), lastTransitionTime: now() },
  ];
  const patch = JSON.stringify({ status: { capacity: resources, allocatable: resources, conditions } });
  await world.kubectl('patch', 'node', 'kept', '--subresource=status', '--type=merge', '-p', patch);
  const spec = { nodeSelector: { kept: 'yes' }, containers: [{ name: 'a', image: 'demo/web:1' }] };
  await world.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'on-kept', namespace: 'default' }, spec });
  await world.kubectl('wait', '--for=condition=PodScheduled', 'pod/on-kept', '--timeout=6s').catch(async (error: unknown) => {
    throw new Error(await world.kubectl('describe', 'node/kept', 'pod/on-kept'), { cause: error });
  });
  expect(await world.kubectl('get', 'pod', 'on-kept', '-o', 'jsonpath={.spec.nodeName}')).toBe('kept');
  await world.kubectl('wait', '--for=condition=Ready=Unknown', 'node/kept', '--timeout=30s');
  expect(await world.kubectl('get', 'pod', 'on-kept', '-o', 'jsonpath={.spec.nodeName}')).toBe('kept');
});
