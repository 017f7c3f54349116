import type { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGES, appContainers, createStage, waitForNode, type Stage } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { PROGRAM, createLab } from '../../scripts/lab/lab.ts';
import { kubectl } from '../support/kubectl.ts';
import { deployment } from '../support/lab-world.ts';

/** `skerry server` as a newcomer starts it: the server and its own node in one process, which speak over the link all the same. */
let stage: Stage;
let running: ChildProcess;

const launch = (...flags: readonly string[]) => {
  const { server } = stage.lab;
  running = server.launch('server', [
    PROGRAM,
    'server',
    '--data-dir',
    join(server.disk, 'skerry'),
    '--listen',
    `${server.address}:6443`,
    '--node-name',
    'pier-1',
    '--labels',
    'site=pier',
    '--capacity',
    'pods=7',
    ...flags,
  ]);
};

beforeAll(async () => {
  stage = createStage(await createLab({ nodes: 0 }), kubectl('1.36'), () => undefined);
  await stage.lab.server.boot({ engine: true });
  await stage.lab.loadImages(stage.lab.server, IMAGES);
  launch();
});
afterAll(() => stage.lab.remove());

test('the server is a node of its own, and runs pods', async () => {
  await waitFor('the node to be known', () =>
    stage.kubectl('get', 'nodes', '-o', 'name').then((names) => (names === '' ? undefined : true)),
  );
  await waitForNode(stage, 'pier-1', 'True');
  const said = '{.metadata.labels} {.status.capacity.pods}';
  expect(await stage.kubectl('get', 'node', 'pier-1', '-o', `jsonpath=${said}`)).toMatch(
    /"node-role.kubernetes.io\/control-plane":"".*"site":"pier".* 7$/,
  );
  await stage.kubectlWith(JSON.stringify(deployment('web', 2)), 'create', '-f', '-');
  await stage.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  expect(await stage.kubectl('logs', 'deployment/web')).toContain('web version 1 here');
  // Its pods, and what runs beside them, reach the API by the same name as everywhere.
  expect(await stage.lab.server.exec('curl', '-sSk', '-m', '5', 'https://10.96.0.1/version')).toContain('gitVersion');
});

test('kill -9 of both at once restarts no container', async () => {
  const idsOf = async () => (await appContainers(stage.lab.server)).map(({ id, startedAt }) => `${id} ${startedAt}`).toSorted();
  const before = await idsOf();
  expect(before).toHaveLength(2);
  await stage.lab.server.end(running, 'SIGKILL');
  launch();
  await waitFor('the API to answer', () => stage.kubectl('get', '--raw', '/readyz').then(() => true));
  await stage.kubectl('scale', 'deployment/web', '--replicas=3');
  await stage.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  expect(await idsOf()).toEqual(expect.arrayContaining(before));
  expect(await idsOf()).toHaveLength(3);
});

test('SIGTERM ends it in good order', async () => {
  await stage.lab.server.end(running, 'SIGTERM');
  expect(running.exitCode).toBe(0);
});

test('its node that has lost its data has its name back at the start of the server, and its name is no other machine’s', async () => {
  const { server } = stage.lab;
  const nodeUid = () => stage.kubectl('get', 'node', 'pier-1', '-o', 'jsonpath={.metadata.uid}');
  const token = (...argv: readonly string[]) => server.exec(PROGRAM, 'token', ...argv, '--data-dir', join(server.disk, 'skerry'));
  launch();
  await waitForNode(stage, 'pier-1', 'True');
  const uid = await nodeUid();
  await expect(token('create', '--replace', 'pier-1')).rejects.toThrow("the server's own node");
  await expect(token('create', '--replace', 'pier-2')).rejects.toThrow('nodes "pier-2" not found');
  // What the server let its own node in with is used up.
  expect(await token('list')).toMatch(/^no join tokens that let anybody in/);
  expect(await token('list', '--all')).toContain("the server's own node");
  await server.end(running, 'SIGTERM');
  const runningIds = async () => (await appContainers(server)).flatMap(({ id, running: runs }) => (runs ? [id] : []));
  const before = new Set(await runningIds());
  rmSync(join(server.disk, 'skerry', 'agent'), { recursive: true });
  launch();
  await waitForNode(stage, 'pier-1', 'True');
  await waitFor('its key to be on the disk', () =>
    existsSync(join(server.disk, 'skerry', 'agent', 'identity.json')) ? true : undefined,
  );
  expect(await nodeUid()).toBe(uid);
  // What ran has lost its volumes with that.
  await waitFor('its pods to be made anew', async () => {
    const ids = await runningIds();
    return ids.length === 3 && ids.every((id) => !before.has(id)) ? true : undefined;
  });
  await server.end(running, 'SIGTERM');
  expect(running.exitCode).toBe(0);
});

test('a server that has lost its database has its own node back as that, twice started too, and nothing that runs on it goes unconfirmed', async () => {
  const { server } = stage.lab;
  const runningCount = async () => (await appContainers(server)).filter(({ running: runs }) => runs).length;
  // Of the life of the database that it trusts to take pods away.
  const joined = () =>
    /"incarnation": "[^"]+"/.exec(readFileSync(join(server.disk, 'skerry', 'agent', 'identity.json'), 'utf8'))?.[0];
  const before = joined();
  expect(before).toBeDefined();
  launch();
  await waitForNode(stage, 'pier-1', 'True');
  await waitFor('its pods to run', async () => ((await runningCount()) === 3 ? true : undefined));
  await server.end(running, 'SIGKILL');
  for (const file of readdirSync(join(server.disk, 'skerry', 'server')))
    if (file.startsWith('state.db')) rmSync(join(server.disk, 'skerry', 'server', file));
  for (let start = 1; start <= 2; start += 1) {
    launch();
    await waitForNode(stage, 'pier-1', 'True');
    const labels = await stage.kubectl('get', 'node', 'pier-1', '-o', 'jsonpath={.metadata.labels}');
    expect(labels).toContain('"node-role.kubernetes.io/control-plane":""');
    expect([await runningCount(), joined()]).toEqual([3, before]);
    await server.end(running, 'SIGTERM');
  }
  expect(await runningCount()).toBe(3);
});

test('its certificate names its host, its addresses, the service and what was asked for', async () => {
  const { server } = stage.lab;
  launch('--no-agent', '--tls-san', 'pier.example,203.0.113.9');
  await waitFor('the API to answer', () => stage.kubectl('get', '--raw', '/readyz').then(() => true));
  const shown = await new Promise<X509Certificate | undefined>((resolve, reject) => {
    const socket = connect({ host: server.address, port: 6443, rejectUnauthorized: false, minVersion: 'TLSv1.3' }, () => {
      resolve(socket.getPeerX509Certificate());
      socket.destroy();
    });
    socket.on('error', reject);
  });
  const [host = ''] = (await server.exec('hostname')).split('\n');
  for (const name of [host, 'localhost', 'kubernetes.default.svc', 'pier.example'])
    expect(shown?.checkHost(name), name).toBe(name);
  for (const address of [server.address, '127.0.0.1', '203.0.113.9']) expect(shown?.checkIP(address), address).toBe(address);
  expect([shown?.checkHost('other.example'), shown?.checkIP('203.0.113.8')]).toEqual([undefined, undefined]);
  await server.end(running, 'SIGTERM');
});

test('its node is reset while the server goes on, and joins anew', async () => {
  const { server } = stage.lab;
  const nodeUid = () => stage.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.uid}');
  launch();
  await waitForNode(stage, 'pier-1', 'True');
  const before = await nodeUid();
  const reset = () => server.exec(PROGRAM, 'reset', '--yes', '--data-dir', join(server.disk, 'skerry'));
  await expect(reset()).rejects.toThrow('while it runs without its agent: `skerry server --no-agent --data-dir ');
  await server.end(running, 'SIGTERM');
  launch('--no-agent');
  await waitFor('the API to answer', () => stage.kubectl('get', '--raw', '/readyz').then(() => true));
  expect(await reset()).toContain('node pier-1 has left its cluster');
  expect(await nodeUid()).toBe('');
  expect(await appContainers(server)).toEqual([]);
  await server.end(running, 'SIGTERM');
  launch();
  await waitForNode(stage, 'pier-1', 'True');
  expect(await nodeUid()).not.toBe(before);
  await server.end(running, 'SIGTERM');
});
