import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sysrootFor } from '../../build/executable/sysroot.ts';
import { TARGETS } from '../../build/executable/targets.ts';
import { IMAGES, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/**
 * The executable for arm64 under an emulator of its processor: what it computes is arm64's, what it asks of the kernel, the engine and the network tools
 * is this machine's. What that cannot show stands in ARCHITECTURE.md.
 */
const NODE = 'edge-1';
/** With kernel pages of this size, as far as the program can tell. */
let emulated: (pageBytes: number) => readonly string[];
let world: LabWorld;
/** On this machine, beyond the node: answers with the address that it is asked from. */
let beyond: Server;

beforeAll(async () => {
  const { emulator } = TARGETS.arm64;
  const sysroot = await sysrootFor(TARGETS.arm64, () => undefined);
  emulated = (pageBytes) => [emulator, '-p', String(pageBytes), '-L', sysroot, resolve('dist/skerry-linux-arm64')];
  // As on a Raspberry Pi 5.
  world = await startLabWorld(1, { programs: { [NODE]: emulated(16_384) } });
  beyond = createServer((request, response) => response.end(`asked by ${request.socket.remoteAddress}`));
  await new Promise<void>((listening) => beyond.listen(BEYOND_PORT, world.lab.lan.address, listening));
});
afterAll(async () => {
  beyond.close();
  await world.lab.remove();
});

const BEYOND_PORT = 8099;

test('its agent joins by a token file, and says what its engine is, not what it is itself', async () => {
  const host = firstNode(world);
  const token = join(host.disk, 'token');
  writeFileSync(token, await world.lab.createToken(), { mode: 0o600 });
  await host.boot({ engine: true });
  await world.lab.loadImages(host, IMAGES);
  world.lab.startAgent(host, '--server', world.lab.serverUrl, '--token-file', token);
  await waitForNode(world, NODE, 'True');
  await waitFor('the token file to be gone', () => (existsSync(token) ? undefined : true));
  const said = '{.status.nodeInfo.architecture} {.metadata.labels.kubernetes\\.io/arch}';
  expect(await world.kubectl('get', 'node', NODE, '-o', `jsonpath=${said}`)).toBe('amd64 amd64');
});

test('a pod runs: its volumes are there, the network reaches it and it reaches the network, its log comes through the tunnel', async () => {
  const host = firstNode(world);
  const script = [
    'cat /secret/word > /www/index.html && httpd -p 80 -h /www',
    `wget -q -O - http://${world.lab.lan.address}:${BEYOND_PORT}/; echo`,
    'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done',
  ].join('\n');
  const container = {
    name: 'app',
    image: 'demo/web:1',
    command: ['sh', '-ec', script],
    ports: [{ containerPort: 80, hostPort: 8080 }],
    volumeMounts: [{ name: 'secret', mountPath: '/secret' }],
  };
  await world.create(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'word', namespace: 'default' }, stringData: { word: 'hush' } },
    deployment('web', 1, '', { containers: [container], volumes: [{ name: 'secret', secret: { secretName: 'word' } }] }),
  );
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  expect(await world.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.phase}')).toBe('Running');
  const served = () => run('curl', ['-s', '-m', '5', `http://${host.address}:8080/`]);
  expect(await waitFor('the host port', async () => ((await served()) === '' ? undefined : served()))).toBe('hush');
  // Masqueraded: pods have addresses that nobody beyond the node knows.
  await waitFor('the log', async () =>
    (await world.kubectl('logs', 'deployment/web')).includes(`asked by ${host.address}`) ? true : undefined,
  );
});

const idsOf = async () => (await appContainers(firstNode(world))).map(({ id, startedAt }) => `${id} ${startedAt}`);

test('kill -9 of the agent: the next adopts the container as it is', async () => {
  const host = firstNode(world);
  const [before] = await idsOf();
  expect(before).toBeDefined();
  await world.lab.stopAgent(host, 'SIGKILL');
  world.lab.startAgent(host);
  await world.create(deployment('after', 1));
  await world.kubectl('rollout', 'status', 'deployment/after', '--timeout=60s');
  expect(await idsOf()).toContain(before);
  expect(await idsOf()).toHaveLength(2);
});

test('without a server it starts from its ledger what has died, and an arm64 server takes the database of an x64 one over', async () => {
  const host = firstNode(world);
  const { server } = world.lab;
  await world.lab.stopServer();
  await world.lab.stopAgent(host, 'SIGKILL');
  const [victim, other] = await appContainers(host);
  await killContainer(host.engineSocket(), victim?.id ?? '');
  world.lab.startAgent(host);
  await waitFor(
    'the container to be started from the ledger',
    async () => ((await idsOf()).length === 2 ? true : undefined),
    60_000,
  );
  expect((await idsOf()).filter((id) => id.startsWith(other?.id ?? ' '))).toEqual([`${other?.id} ${other?.startedAt}`]);

  const data = join(server.disk, 'skerry');
  const listen = `${server.address}:6443`;
  const running = server.launch('server-arm64', [
    ...emulated(65_536),
    'server',
    '--no-agent',
    '--data-dir',
    data,
    '--listen',
    listen,
  ]);
  await waitFor('the API to answer', () => world.kubectl('get', '--raw', '/readyz').then(() => true), 60_000);
  const restarts = '{.items[*].status.containerStatuses[*].restartCount}';
  await waitFor('the restart to be told', async () =>
    (await world.kubectl('get', 'pods', '-o', `jsonpath=${restarts}`)).includes('1') ? true : undefined,
  );
  await world.kubectl('delete', 'deployment', 'web', 'after');
  await waitFor('the containers to be gone', async () => ((await idsOf()).length === 0 ? true : undefined));
  await server.end(running, 'SIGTERM');
  expect(running.exitCode).toBe(0);
  await world.lab.stopAgent(host);
});
