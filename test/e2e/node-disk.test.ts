import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGES, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** A node whose own disk (the agent's, not the engine's) is small, and gets full. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
  const host = edge();
  await host.boot({ engine: true });
  await world.lab.loadImages(host, IMAGES);
  await host.exec('mkdir', '-p', dataDir());
  await host.exec('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', dataDir());
  world.lab.startAgent(host, '--server', world.lab.serverUrl, '--token', await world.lab.createToken());
  await waitForNode(world, host.name, 'True');
  await world.create(deployment('web', 2));
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
});
afterAll(() => world.lab.remove());

const edge = () => firstNode(world);

const dataDir = () => join(edge().disk, 'skerry');
const running = async () => (await appContainers(edge())).map(({ id, startedAt }) => `${id} ${startedAt}`).toSorted();
const restarts = async () => {
  const counts = await world.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[0].restartCount}');
  return counts.split(' ').reduce((sum, count) => sum + Number(count), 0);
};
/** kill -9 of one container; resolves once the server knows that it was started again. */
const killOne = async () => {
  const before = await restarts();
  const [victim] = await appContainers(edge());
  await killContainer(edge().engineSocket(), victim?.id ?? '');
  await waitFor('the restart to be known', async () => ((await restarts()) === before + 1 ? true : undefined));
  expect(await running()).toHaveLength(2);
};

test('the node of a full disk says so; what runs goes on, and what dies is started again and counted', async () => {
  const before = await running();
  expect(before).toHaveLength(2);
  await edge().exec('/bin/sh', '-c', `dd if=/dev/zero of=${dataDir()}/filling bs=4096 2>/dev/null || true`);
  await waitFor(
    'the node to say that its disk is full',
    async () => (/DiskPressure\s+True/.test(await world.kubectl('describe', 'node', edge().name)) ? true : undefined),
    60_000,
    500,
  );
  expect(await running()).toEqual(before);
  await killOne();
  const now = await running();
  await world.lab.stopAgent(edge(), 'SIGKILL');
  world.lab.startAgent(edge());
  await waitForNode(world, edge().name, 'True');
  expect(await running()).toEqual(now);
  await killOne();
});

test('with room again it goes on as if nothing had been', async () => {
  const before = await running();
  await edge().exec('rm', `${dataDir()}/filling`);
  const spec = { tolerations: [{ key: 'node.kubernetes.io/disk-pressure', operator: 'Exists' }] };
  await world.create(deployment('later', 2, 'demo/web:1', spec));
  await world.kubectl('rollout', 'status', 'deployment/later', '--timeout=60s');
  expect(await running()).toEqual(expect.arrayContaining(before));
  expect(await restarts()).toBe(2);
});
