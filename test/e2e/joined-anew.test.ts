import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** A Node is deleted, and its machine comes back: by the token alone, with the key, the folder and the ledger it had. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
});
afterAll(() => world.lab.remove());

test('a deleted node comes back with a new token, and what it no longer has to run goes', async () => {
  const host = firstNode(world);
  await world.join(host);
  await world.create(deployment('web', 1));
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  expect(await world.kubectl('describe', 'node', host.name)).toMatch(/NodeReady .*status is now: NodeReady/);
  expect(await world.kubectl('describe', 'node', host.name)).not.toContain('0001');
  await world.kubectl('delete', 'node', host.name);
  await world.logged(host, 'agent', 'skerry agent --server');
  await world.kubectl('delete', 'deployment/web');
  await world.kubectl('delete', 'pods', '--all', '--force', '--grace-period=0');
  expect(await appContainers(host)).toHaveLength(1);

  await world.lab.stopAgent(host);
  world.lab.startAgent(host, '--server', world.lab.serverUrl, '--token', await world.lab.createToken());
  await waitForNode(world, host.name, 'True');
  await waitFor('the old container to be gone', async () => ((await appContainers(host)).length === 0 ? true : undefined));
});

test('an engine that is killed is told in the log, and that it is back', async () => {
  const host = firstNode(world);
  await host.killEngine();
  const told = await world.logged(host, 'agent', 'the container engine can not be used');
  expect(told).toContain('unix:///run/docker.sock');
  expect(told).toContain('--docker');
  await waitForNode(world, host.name, 'False');
  expect(await world.kubectl('get', 'node', host.name, '-o', 'jsonpath={.status.conditions}')).toContain(
    'unix:///run/docker.sock',
  );
  await host.startEngine();
  await world.logged(host, 'agent', 'the container engine is back');
});
