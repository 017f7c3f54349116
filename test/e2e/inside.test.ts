import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Told } from '../support/inside-client.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** The API from inside a pod, as a stock client finds it by its in-cluster configuration: with the server there, gone, and after a power cut without it. */
const IMAGE = 'test/inside:1';
const AT_ONCE_MS = 500;
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
  const host = firstNode(world);
  await world.join(host);
  const script = await build({
    entryPoints: [resolve(import.meta.dirname, '../support/inside-client.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
  });
  await world.lab.loadImages(host, [
    {
      reference: IMAGE,
      files: { 'client.cjs': script.outputFiles[0]?.text ?? '' },
      programs: { 'bin/node': process.execPath },
      command: ['/bin/node', '/client.cjs'],
    },
  ]);
  const named = (name: string) => ({ name, namespace: 'default' });
  await world.create(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named('robot') },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: named('reader'),
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: named('reader'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', ...named('robot') }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('settings'), data: { value: 'one' } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: named('db'),
      spec: { clusterIP: '10.96.7.7', ports: [{ name: 'sql', port: 5432 }] },
    },
  );
  await world.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...named('inside'), labels: { app: 'inside' } },
    spec: {
      serviceAccountName: 'robot',
      containers: [
        {
          name: 'client',
          image: IMAGE,
          volumeMounts: [
            { name: 'settings', mountPath: '/settings' },
            { name: 'settings', mountPath: '/fixed', subPath: 'value' },
            { name: 'told', mountPath: '/told' },
          ],
        },
      ],
      volumes: [
        {
          name: 'settings',
          projected: {
            sources: [
              { configMap: { name: 'settings' } },
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
            ],
          },
        },
        { name: 'told', hostPath: { path: `${host.disk}/told`, type: 'DirectoryOrCreate' } },
      ],
    },
  });
});
afterAll(() => world.lab.remove());

function told(what: string, isSo: (told: Told) => boolean, waitMs = 60_000): Promise<Told> {
  const file = `${firstNode(world).disk}/told/told.json`;
  const sinceMs = Date.now();
  return waitFor(
    `the pod to tell ${what}`,
    () => {
      if (!existsSync(file)) return undefined;
      const found = JSON.parse(readFileSync(file, 'utf8')) as Told; // inside-client.ts writes it.
      return found.at >= sinceMs && isSo(found) ? found : undefined;
    },
    waitMs,
  );
}

const restarts = () =>
  world.kubectl('get', 'pod', 'inside', '-o', 'jsonpath={.status.containerStatuses[0].restartCount} {.metadata.uid}');

test('a stock client reads what its role says, and nothing else', async () => {
  const { elsewhere, address, variables } = await told('of its pods', ({ pods }) => pods === 'inside');
  expect(elsewhere).toBe('403');
  expect(address).toBe('10.96.0.1');
  expect(variables).toMatchObject({
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    DB_SERVICE_HOST: '10.96.7.7',
    DB_SERVICE_PORT_SQL: '5432',
    DB_PORT_5432_TCP_ADDR: '10.96.7.7',
  });
});

test('by its name the server is the right one, also for the node itself', async () => {
  const host = firstNode(world);
  const ca = `${host.disk}/ca.crt`;
  await world
    .kubectl('get', 'configmap', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}')
    .then((text) => host.exec('/bin/sh', '-c', `cat > ${ca} <<'END'\n${text}\nEND`));
  for (const [name, more] of [
    ['10.96.0.1', []],
    ['kubernetes.default.svc', ['--resolve', 'kubernetes.default.svc:443:10.96.0.1']],
    ['kubernetes.default.svc.cluster.local', ['--resolve', 'kubernetes.default.svc.cluster.local:443:10.96.0.1']],
  ] as const)
    expect(await host.exec('curl', '-sS', '-m', '5', '--cacert', ca, ...more, `https://${name}/version`)).toContain('gitVersion');
});

test('a ConfigMap and a label change in place, and a new service restarts nothing', async () => {
  const before = await restarts();
  await world.kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"value":"two"}}');
  await world.kubectl('label', 'pod', 'inside', 'colour=blue');
  await world.kubectl('create', 'service', 'clusterip', 'late', '--tcp=80');
  const after = await told('of the new value', ({ file, labels }) => file === 'two' && labels.includes('colour="blue"'), 10_000);
  // What is mounted as one file stays what it was, as upstream.
  expect(after.fixed).toBe('one');
  expect(await restarts()).toBe(before);
});

test('without the server it is refused at once, and served again when that is back', async () => {
  const before = await restarts();
  await world.lab.stopServer('SIGKILL');
  const refused = await told('that it is refused', ({ pods }) => pods === 'ECONNREFUSED');
  expect(refused.podsMs).toBeLessThan(AT_ONCE_MS);
  await world.lab.startServer();
  await told('of its pods again', ({ pods }) => pods === 'inside');
  expect(await restarts()).toBe(before);
});

test('after a power cut without the server its token is there, and it is refused at once', async () => {
  const host = firstNode(world);
  const { token } = await told('of its token', () => true);
  await world.lab.stopServer('SIGKILL');
  await host.cutPower();
  await host.boot({ engine: true });
  world.lab.startAgent(host);
  const found = await told('that it is refused', ({ pods }) => pods === 'ECONNREFUSED');
  expect(found.token).toBe(token);
  expect([found.file, found.fixed]).toEqual(['two', 'two']);
  expect(found.address).toBe('10.96.0.1');
  expect(found.podsMs).toBeLessThan(AT_ONCE_MS);
  await world.lab.startServer();
  await waitForNode(world, host.name, 'True');
  // Made by another process of the server, it is the same.
  expect((await told('of its pods again', ({ pods }) => pods === 'inside')).token).toBe(token);
});

test('an account that is gone has no rights, and a pod that wants no token has none', async () => {
  await world.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'without', namespace: 'default' },
    spec: { automountServiceAccountToken: false, containers: [{ name: 'app', image: 'demo/web:1' }] },
  });
  expect(await world.kubectl('get', 'pod', 'without', '-o', 'jsonpath={.spec.volumes}')).toBe('');
  await world.kubectl('delete', 'serviceaccount', 'robot');
  await told('that nobody knows it', ({ pods }) => pods === '401');
});
