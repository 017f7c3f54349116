import { afterAll, beforeAll, expect, test } from 'vitest';
import { allAppContainers, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { deployment, startLabWorld, twoNodes, type LabWorld } from '../support/lab-world.ts';

/** What goes wrong on a node: its agent dies, its engine hangs or goes away, its disk is full. Containers live through all of it. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(2);
  const [first, second] = twoNodes(world);
  await Promise.all([world.join(first, '--capacity', 'memory=2Gi'), world.join(second, '--capacity', 'memory=1280Mi')]);
});
afterAll(() => world.lab.remove());

const node = (at: number): Host => {
  const host = world.lab.nodes[at];
  if (host === undefined) throw new Error(`there is no node ${at}`);
  return host;
};
const idsOf = async (host: Host) => (await appContainers(host)).map(({ id, startedAt }) => `${id} ${startedAt}`).toSorted();
const readyReason = (name: string) =>
  world.kubectl('get', 'node', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].message}');

test('a pod is placed whole or not at all, and what fits nowhere says why', async () => {
  const requests = (memory: string) => ({ resources: { requests: { memory } } });
  const containers = [
    { name: 'large', image: 'demo/web:1', ...requests('1Gi') },
    { name: 'small', image: 'demo/web:1', ...requests('512Mi') },
  ];
  await world.create(
    deployment('whole', 1, '', { containers }),
    deployment('huge', 1, '', { containers: [{ name: 'app', image: 'demo/web:1', ...requests('64Gi') }] }),
  );
  await world.kubectl('rollout', 'status', 'deployment/whole', '--timeout=60s');
  const where = await world.kubectl('get', 'pods', '-l', 'app=whole', '-o', 'jsonpath={.items[*].spec.nodeName}');
  expect(where).toBe(node(0).name);
  const why = await waitFor('the event of the pod that fits nowhere', async () => {
    const text = await world.kubectl('describe', 'pods', '-l', 'app=huge');
    return text.includes('FailedScheduling') ? text : undefined;
  });
  expect(why).toContain('0/2 nodes are available: 2 Insufficient memory');
  await world.kubectl('delete', 'deployment', 'whole', 'huge');
});

test('kill -9 of the agent, again and again while pods are made: none is started twice', async () => {
  await world.create(deployment('many', 12));
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150 + 200 * turn));
    await world.lab.stopAgent(node(0), 'SIGKILL');
    world.lab.startAgent(node(0));
  }
  await world.kubectl('rollout', 'status', 'deployment/many', '--timeout=60s');
  const restarts = await world.kubectl(
    'get',
    'pods',
    '-l',
    'app=many',
    '-o',
    'jsonpath={.items[*].status.containerStatuses[0].restartCount}',
  );
  expect(restarts.split(' ')).toEqual(Array.from({ length: 12 }, () => '0'));
  const running = await allAppContainers(world.lab);
  expect(new Set(running.map(({ pod }) => pod)).size).toBe(running.length);
  expect(running).toHaveLength(12);
});

test('an engine that hangs: the node is not Ready and says why, nothing is touched, and it heals by itself', async () => {
  const host = node(0);
  const before = await idsOf(host);
  await host.hangEngine();
  await waitForNode(world, host.name, 'False', 120_000);
  expect(await readyReason(host.name)).toMatch(/did not answer within 15 s/);
  host.resumeEngine();
  await waitForNode(world, host.name, 'True');
  expect(await idsOf(host)).toEqual(before);
});

test('an engine that dies and comes back: containers go on with their ids, and the node heals by itself', async () => {
  const host = node(1);
  const before = await idsOf(host);
  expect(before.length).toBeGreaterThan(0);
  await host.killEngine();
  await waitForNode(world, host.name, 'False');
  await host.startEngine();
  await waitForNode(world, host.name, 'True');
  expect(await idsOf(host)).toEqual(before);
});

test('restarts without the server, by a kill and by a power cut, are counted once it is back', async () => {
  const host = node(1);
  const counts = async () => {
    const all = await world.kubectl(
      'get',
      'pods',
      '--field-selector',
      `spec.nodeName=${host.name}`,
      '-o',
      'jsonpath={range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount} {end}',
    );
    return all.trim().split(' ').toSorted();
  };
  const [victim, ...others] = (await appContainers(host)).toSorted((a, b) => a.pod.localeCompare(b.pod));
  if (victim === undefined || others.length === 0) throw new Error('two pods run there');
  const startedAnew = (ids: readonly string[], count: number) =>
    waitFor('them to be started anew', async () => {
      const now = await appContainers(host);
      return now.length === count && now.every(({ id }) => !ids.includes(id)) ? true : undefined;
    });
  await world.lab.stopServer('SIGKILL');
  await killContainer(host.engineSocket(), victim.id);
  await startedAnew([victim.id], others.length + 1);
  const before = (await appContainers(host)).map(({ id }) => id);
  await host.cutPower();
  await host.boot({ engine: true });
  world.lab.startAgent(host);
  await startedAnew(before, before.length);
  await world.lab.startServer();
  const expected = [`${victim.pod}=2`, ...others.map(({ pod }) => `${pod}=1`)].toSorted();
  await waitFor('the counts', async () => ((await counts()).join() === expected.join() ? true : undefined), 20_000).catch(
    async (error: unknown) => {
      throw new Error(`${(await counts()).join()} instead of ${expected.join()}`, { cause: error });
    },
  );
});

test('a ledger that is damaged is set aside, filled by the server, and what runs is adopted', async () => {
  const host = node(1);
  const before = await idsOf(host);
  await world.lab.stopAgent(host, 'SIGKILL');
  const ledger = `${host.disk}/skerry/agent/ledger.db`;
  await host.exec('/bin/sh', '-c', `rm -f ${ledger}-wal ${ledger}-shm; dd if=/dev/zero of=${ledger} bs=4096 count=4 2>/dev/null`);
  world.lab.startAgent(host);
  await world.logged(host, 'agent', 'the ledger was damaged and is set aside');
  await waitForNode(world, host.name, 'True');
  await world.create(deployment('after', 2, 'demo/web:1', { nodeSelector: { 'kubernetes.io/hostname': host.name } }));
  await world.kubectl('rollout', 'status', 'deployment/after', '--timeout=60s');
  const after = await idsOf(host);
  expect(after).toEqual(expect.arrayContaining([...before]));
  expect(after).toHaveLength(before.length + 2);
  expect(await host.exec('ls', `${host.disk}/skerry/agent`)).toMatch(/ledger\.db\.damaged-/);
});
