import { cpSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { podMemory } from '#agent/memory.ts';
import { createPodLoop } from '#agent/pod-loop.ts';
import { createFakeHost } from './support/fake-host.ts';
import { LinkWorld, type WorldAgent } from './support/link-world.ts';

/** A machine whose Node was deleted joins anew with its ledger kept: what the server no longer knows of stops running, under whatever name. */
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function startWorld() {
  const world = new LinkWorld(7, ['old', 'new']);
  stops.push(() => world.end());
  await world.startServer(true);
  const [before, after] = world.agents;
  if (before === undefined || after === undefined) throw new Error('there are two agents');
  const host = createFakeHost(world.clock, 'old');
  host.engine.addImage('busybox');
  /** The agent's process: link, ledger and pods. */
  const start = async (agent: WorldAgent) => {
    await agent.start();
    const { ledger } = agent;
    if (ledger === undefined) throw new Error('the agent has a ledger');
    const life = { alive: true };
    const loop = createPodLoop({
      ledger,
      runtime: host.runtime(life, { node: agent.node, ranHere: (uid) => podMemory(ledger.memory(), uid) !== undefined }),
      wiring: host.wiring(life),
      volumes: host.volumesOf(life),
      dial: host.dialer(life),
      clock: world.clock,
      ids: world.ids,
      log: world.log,
      boot: { id: 'boot', uptimeMs: world.clock.monotonic() },
      facts: () => ({
        nodeName: agent.node,
        hostAddress: '192.0.2.1',
        allocatable: { cpuMilli: 2000, memoryBytes: 1e9, storageBytes: 1e10 },
      }),
    });
    loop.start();
    const stop = async () => {
      await loop.stop();
      await agent.kill();
    };
    stops.push(stop);
    return stop;
  };
  const runs = () => host.engine.containers().filter(({ name, state }) => name !== '' && state === 'running').length;
  const addNode = (name: string, uid: string) =>
    world.put('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, uid },
      spec: { podCIDR: '10.32.0.0/25' },
    });
  await addNode('old', 'uid-1');
  await world.addPod('old', 'web', 'uid-web', { containers: [{ name: 'a', image: 'busybox', command: ['sleep', '1000000'] }] });
  const stop = await start(before);
  await world.until('the pod runs', () => runs() === 1);
  const body = { status: { addresses: [{ type: 'Hostname', address: 'old' }] }, labels: {} };
  await before.report({ class: 'state', key: 'node', body });
  await world.until('the node is told of', () => world.asked.includes('patch nodes/status old'));
  await stop();
  await world.remove('nodes', '', 'old');
  await world.remove('pods', 'default', 'web');
  return { world, before, after, host, start, runs, addNode };
}

test('its status is told to the new Node, though it is the same as ever', async () => {
  const { world, before, start, addNode } = await startWorld();
  await addNode('old', 'uid-2');
  world.asked.splice(0);
  await start(before);
  await world.until('the new Node is told of', () => world.asked.includes('patch nodes/status old'), 10_000);
});

test('under its old name', async () => {
  const { world, before, host, start, addNode } = await startWorld();
  await addNode('old', 'uid-2');
  await start(before);
  await world.until('nothing of the pod is left', () => host.engine.containers().length === 0, 120_000);
});

test('under another name', async () => {
  const { world, before, after, host, start, runs, addNode } = await startWorld();
  await addNode('new', 'uid-2');
  cpSync(before.file, after.file);
  await start(after);
  expect(runs()).toBe(1);
  await world.until('nothing of the pod is left', () => host.engine.containers().length === 0, 120_000);
});
