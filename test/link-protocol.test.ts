import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { encodeDown } from '../src/api/link/message-codec.ts';
import type { Report } from '../src/api/link/reports.ts';
import { apiError } from '../src/api/status.ts';
import { tokenEpoch } from '../src/server/fleet/token-orders.ts';
import { LinkWorld, WorldAgent, eventReport } from './support/link-world.ts';

/** The promises of the link, end to end: real store, real ledgers, the pair with faults in between. The seed of a failing run is in its name. */
let world: LinkWorld;

afterEach(async () => {
  await world.end();
});

async function begin(seed: number, nodes: readonly string[], keepaliveMs?: number): Promise<readonly WorldAgent[]> {
  world = new LinkWorld(seed, nodes, keepaliveMs);
  await world.startServer(true);
  for (const name of ['default', 'kube-node-lease'])
    await world.put('namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: name },
      status: { phase: 'Active' },
    });
  for (const node of nodes)
    await world.put('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: node, uid: `uid-${node}` },
      spec: { podCIDR: '10.32.0.0/25' },
      status: {},
    });
  for (const agent of world.agents) await agent.start();
  return world.agents;
}

const podState = (name: string, phase: string, more: object = {}): Report => ({
  class: 'state',
  key: `pods/uid-${name}`,
  body: { uid: `uid-${name}`, namespace: 'default', name, status: { phase }, ...more },
});

const phaseOf = (name: string) => (world.pod(name)?.['status'] as { readonly phase?: string } | undefined)?.phase;
const eventsOf = (node: string) =>
  world.store
    .view()
    .list('events')
    .filter((event) => event['reportingInstance'] === node && event['reason'] === 'Counted')
    .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));

test('a pod goes down, its status comes up, its removal goes down and up again', async () => {
  const [agent] = await begin(1, ['n1']);
  await world.addPod('n1', 'web');
  await world.until('the pod is in the ledger', () => agent?.ledger?.documents().items.has('pods/uid-web') === true, 5_000);
  expect(agent?.ledger?.documents().removalsAllowed).toBe(true);
  await agent?.report(podState('web', 'Running', {}));
  await world.until('it is Running', () => phaseOf('web') === 'Running', 5_000);
  expect(world.server?.fleet.statusOf('n1')).toMatchObject({ connected: true, upToDate: true });
  await world.put('pods', {
    ...world.pod('web')!,
    metadata: { ...world.pod('web')!.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' },
  });
  await world.until('the node is told', () => {
    const item = agent?.ledger?.documents().items.get('pods/uid-web')?.item;
    return item?.kind === 'Pod' && item.metadata.deletionTimestamp !== undefined;
  });
  await agent?.report(podState('web', 'Succeeded', { gone: true }));
  await world.until('the object is gone', () => world.pod('web') === undefined, 5_000);
  await world.until('the item is gone', () => agent?.ledger?.documents().items.has('pods/uid-web') === false, 5_000);
});

test('configmaps and secrets go where pods name them, and follow their changes', async () => {
  const [one, two] = await begin(2, ['n1', 'n2']);
  await world.addPod('n1', 'web', 'uid-web', {
    imagePullSecrets: [{ name: 'pull' }],
    volumes: [{ name: 'v', configMap: { name: 'conf' } }],
  });
  await world.until('the pod is there', () => one?.ledger?.documents().items.has('pods/uid-web') === true);
  await world.put('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default', name: 'conf' },
    data: { a: '1' },
  });
  await world.put('secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'default', name: 'pull' },
    type: 't',
    data: {},
  });
  await world.until('both are there', () => itemsOf(one).length === 4);
  await world.put('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default', name: 'conf' },
    data: { a: '2' },
  });
  await world.until('the change is there', () =>
    JSON.stringify(one?.ledger?.documents().items.get('configmaps/default/conf')?.item).includes('"2"'),
  );
  await world.remove('pods', 'default', 'web');
  await world.until('all are gone', () => itemsOf(one).length === 1);
  expect(itemsOf(two)).toEqual(['node']);
});

test('changes of what many nodes have in common go out as few documents, a node’s own at once', async () => {
  const agents = await begin(
    5,
    Array.from({ length: 20 }, (_, at) => `n${at}`),
  );
  const [agent] = agents;
  await world.until('all are in line', () => agents.every((each) => world.isInLine(each)));
  await world.clock.advance(60_000);
  const held = () => agent?.ledger?.held()?.signed.statement.rev;
  const revisions = new Set([held()]);
  const service = async (at: number) => {
    await world.put('services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name: `s${at}` },
      spec: { clusterIP: `10.96.0.${at + 1}`, ports: [{ port: 80 }] },
    });
    await world.clock.advance(1);
    revisions.add(held());
  };
  await service(0);
  expect(agent?.ledger?.documents().items.has('services/default/s0')).toBe(true);
  for (let at = 1; at < 60; at += 1) await service(at);
  expect(revisions.size).toBeLessThan(5);
  await world.addPod('n0', 'web');
  await world.clock.advance(1);
  expect([...(agent?.ledger?.documents().items.keys() ?? [])]).toEqual(
    expect.arrayContaining(['pods/uid-web', 'services/default/s59']),
  );
  await world.clock.advance(1_000);
  for (const each of agents) expect(world.isInLine(each)).toBe(true);
});

test('a token goes to the node of its pod alone, is made anew when its epoch passes, is the same after a restart, and goes with its account', async () => {
  const [one, two] = await begin(3, ['n1', 'n2']);
  const account = (uid: string) =>
    world.put('serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: 'default', name: 'robot', uid },
    });
  await account('first');
  const sources = [{ serviceAccountToken: { path: 'token' } }];
  const spec = { serviceAccountName: 'robot', volumes: [{ name: 'access', projected: { sources } }] };
  // One whose epoch passes soon.
  const uids = Array.from({ length: 100_000 }, (_, at) => `uid-${at}`);
  const minutesLeft = (uid: string) => (tokenEpoch(uid, world.clock.now()).untilMs - world.clock.now()) / 60_000;
  const uid = uids.find((each) => minutesLeft(each) > 5 && minutesLeft(each) < 10) ?? '';
  await world.addPod('n1', 'web', uid, spec);
  const token = () => {
    const item = one?.ledger?.documents().items.get(`tokens/${uid}/access/token`)?.item;
    return item?.kind === 'Token' ? item.token : undefined;
  };
  await world.until('the token is there', () => token() !== undefined, 5_000);
  const before = token();
  await world.killServer();
  await world.startServer();
  await world.until('the link is there', () => world.server?.fleet.statusOf('n1').upToDate === true);
  expect(token()).toBe(before);
  await world.until('it is made anew', () => token() !== before, 15 * 60_000);
  await world.until('it is so', () => one !== undefined && world.isInLine(one), 5_000);
  const next = token();
  await world.remove('serviceaccounts', 'default', 'robot');
  await world.until('it is gone with its account', () => token() === undefined, 5_000);
  await account('second');
  await world.until('there is one of the new account', () => token() !== undefined, 5_000);
  expect(token()).not.toBe(next);
  expect([...(two?.ledger?.documents().items.keys() ?? [])].filter((key) => key.startsWith('tokens/'))).toEqual([]);
});

test('a document much larger than a chunk comes over a line that keeps breaking', async () => {
  const [agent] = await begin(3, ['n1']);
  world.pair.faults.delay(200, 400);
  await agent?.kill();
  for (let count = 1; count <= 12; count += 1) {
    const data = { big: `${count}`.repeat(60_000) };
    await world.put('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: `conf-${count}` },
      data,
    });
    await world.addPod('n1', `web-${count}`, undefined, { volumes: [{ name: 'v', configMap: { name: `conf-${count}` } }] });
  }
  await agent?.start();
  for (let cuts = 0; cuts < 8; cuts += 1) {
    await world.clock.advance(2_500);
    world.pair.faults.cut('n1');
  }
  await world.until('it is whole', () => world.isInLine(agent!));
  expect(itemsOf(agent)).toHaveLength(25);
});

/** A node at the end of a line with a round trip of two seconds, that has nothing of 600 services yet. */
async function beginWithServices() {
  const [agent] = await begin(6, ['n1']);
  if (agent === undefined) throw new Error('the world has the agent that was asked for');
  await agent.kill();
  const service = (name: string, port: number) =>
    world.put('services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name },
      spec: { clusterIP: '10.96.0.1', ports: [{ port }] },
    });
  for (let at = 0; at < 600; at += 1) await service(`s${at}`, 80);
  world.pair.faults.delay(1_000, 1_000);
  await agent.start();
  return { agent, service };
}

test('a document that changes while its parts are pulled is had whole, and then the change', async () => {
  const { agent, service } = await beginWithServices();
  // It has heard of the document, and asks for its index.
  await world.until('the hello', () => world.server?.fleet.statusOf('n1').connected === true);
  await world.clock.advance(500);
  await service('s1', 81);
  const sinceMs = world.clock.monotonic();
  await world.until('it is whole', () => world.isInLine(agent));
  // The index and the items, ten times sixty-four: nothing is thrown away, nor waited for.
  expect(world.clock.monotonic() - sinceMs).toBeLessThan(30_000);
});

test('a node on a slow line has a document though what is in it changes faster than it can be pulled', async () => {
  const { agent, service } = await beginWithServices();
  for (let second = 0; second < 120; second += 1) {
    // One of them again and again, another one each time.
    await service('s1', 1_000 + second);
    await service(`s${second}`, 1_000 + second);
    await world.clock.advance(1_000);
  }
  expect(itemsOf(agent).length).toBeGreaterThan(600);
  await world.until('it is whole', () => world.isInLine(agent), 30_000);
});

test('status that changes nothing reaches neither the ledger twice nor the store', async () => {
  const [agent] = await begin(4, ['n1']);
  await world.addPod('n1', 'web');
  await world.until('it is there', () => itemsOf(agent).includes('pods/uid-web'));
  await agent?.report(podState('web', 'Running'));
  await world.until('it is Running', () => phaseOf('web') === 'Running');
  await world.clock.advance(1_000);
  const { resourceVersion } = world.pod('web')!.metadata;
  const asked = world.asked.length;
  await agent?.report(podState('web', 'Running'));
  await world.clock.advance(1_000);
  expect(world.asked.filter((words) => words.startsWith('patch')).length).toBe(1);
  expect(world.asked.length).toBe(asked);
  expect(world.pod('web')?.metadata.resourceVersion).toBe(resourceVersion);
});

test('a node says nothing about what is not bound to it; what can not be is skipped and holds up nothing', async () => {
  const [one] = await begin(5, ['n1', 'n2']);
  await world.addPod('n2', 'other');
  await world.addPod('n1', 'mine');
  const denied: string[] = [];
  world.beforeChange = (words) => {
    if (words === 'update events bad.event' || !words.includes('poison')) return;
    denied.push(words);
    throw new TypeError('a fault of ours');
  };
  await world.addPod('n1', 'poison');
  await one?.report(
    podState('other', 'Failed'),
    {
      class: 'state',
      key: 'pods/uid-mine',
      body: { uid: 'uid-mine', namespace: 'default', name: 'other', status: { phase: 'Failed' } },
    },
    podState('never', 'Failed'),
    podState('poison', 'Running'),
    { class: 'decision', body: { type: 'verdict', uid: 'uid-other', phase: 'Failed', reason: 'r', message: '' } },
    { class: 'event', body: { ...eventReport('n2', 'x') } },
    { class: 'event', body: { ...eventReport('n1', 'mine') } },
    {
      class: 'state',
      key: 'node',
      body: {
        status: {
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'Mine', status: 'True' },
          ],
        },
        labels: { 'node-restriction.kubernetes.io/x': '1', 'kubernetes.io/arch': 'arm64' },
      } as never,
    },
    { class: 'decision', body: { type: 'verdict', uid: 'uid-mine', phase: 'Succeeded', reason: 'Completed', message: '' } },
  );
  await world.until('the last is through', () => phaseOf('mine') === 'Succeeded');
  expect(phaseOf('other')).toBe('Pending');
  expect(denied.length).toBeGreaterThan(1);
  expect(eventsOf('n1').map((event) => event['message'])).toEqual(['mine']);
  expect(world.store.view().get('nodes', '', 'n1')?.metadata.labels).toEqual({ 'kubernetes.io/arch': 'arm64' });
  expect(conditionsOf('n1')).toMatchObject([{ type: 'Ready', status: 'True' }]);
  await world.until('all is acknowledged', () => one?.ledger?.outbox().ackedSeq === one?.ledger?.outbox().lastSeq);
});

test('events of one kind are one object with a count; a full disk on the server loses nothing', async () => {
  const [agent] = await begin(6, ['n1']);
  for (let count = 0; count < 3; count += 1) await agent?.report({ class: 'event', body: eventReport('n1', 'again') });
  await world.until('they are counted', () => eventsOf('n1')[0]?.['count'] === 3);
  world.beforeChange = () => {
    throw apiError('ServiceUnavailable', 'the disk is full');
  };
  await agent?.report({ class: 'event', body: eventReport('n1', 'later') });
  await world.clock.advance(10 * 60_000);
  expect(eventsOf('n1')).toHaveLength(1);
  world.beforeChange = () => undefined;
  await world.until('it is told', () => eventsOf('n1').length === 2);
  expect(eventsOf('n1').map((event) => event['count'])).toEqual([3, 1]);
});

const READY = { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] };
const conditionsOf = (node: string) =>
  (world.store.view().get('nodes', '', node)?.['status'] as { conditions?: readonly { status: string }[] })?.conditions;

test('a node that is heard has its Lease renewed, and is Ready again after it was given up, also by a new server', async () => {
  const [agent] = await begin(7, ['n1'], 5_000);
  const lease = () => world.store.view().get('leases.coordination.k8s.io', 'kube-node-lease', 'n1');
  await agent?.report({ class: 'state', key: 'node', body: { status: READY, labels: {} } as never });
  await world.until('it is Ready', () => conditionsOf('n1')?.[0]?.status === 'True');
  expect(lease()?.['spec']).toMatchObject({ holderIdentity: 'n1', leaseDurationSeconds: 13 });
  const before = world.asked.filter((words) => words.startsWith('update leases')).length;
  await world.clock.advance(60_000);
  const renewals = world.asked.filter((words) => words.startsWith('update leases')).length - before;
  expect(renewals).toBeGreaterThanOrEqual(10);
  expect(renewals).toBeLessThanOrEqual(19);
  world.pair.faults.blackHole('n1');
  await world.clock.advance(30_000);
  expect(world.store.view().sinceWriteMs('leases.coordination.k8s.io', 'kube-node-lease', 'n1')).toBeGreaterThan(20_000);
  const giveUp = async () => {
    const node = world.store.view().get('nodes', '', 'n1')!;
    await world.put('nodes', {
      ...node,
      status: { conditions: [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }] },
    });
  };
  await giveUp();
  world.pair.faults.heal('n1');
  await world.until('it is Ready again', () => conditionsOf('n1')?.[0]?.status === 'True', 30_000);
  await giveUp();
  await world.until('it is Ready at once', () => conditionsOf('n1')?.[0]?.status === 'True', 5_000);
  await world.killServer();
  await world.startServer();
  await giveUp();
  await world.until('it tells the new server', () => conditionsOf('n1')?.[0]?.status === 'True', 60_000);
});

test('an agent comes back soon after its link heals, and a silent half-open link is given up', async () => {
  const [agent] = await begin(8, ['n1'], 5_000);
  await world.until('connected', () => agent?.link?.connected() === true);
  world.pair.faults.blackHole('n1');
  await world.clock.advance(30_000);
  expect(agent?.link?.connected()).toBe(false);
  world.pair.faults.heal('n1');
  await world.until('connected again', () => agent?.link?.connected() === true, 35_000);
});

test('two machines with one identity are kept out and told of', async () => {
  const [agent, clone] = await begin(9, ['n1', 'n1']);
  await world.until(
    'the fight is seen',
    () =>
      world.store
        .view()
        .list('events')
        .some((event) => event['reason'] === 'CloneDetected'),
    5 * 60_000,
  );
  await world.clock.advance(5_000);
  expect([agent?.link?.connected(), clone?.link?.connected()]).toEqual([false, false]);
  await clone?.kill();
  await world.until('the remaining one is welcome again', () => agent?.link?.connected() === true, 40 * 60_000);
});

test('a machine that takes the place of two that fought for a name is let in at once, and begins its own count', async () => {
  const [one, two] = await begin(9, ['n1', 'n1']);
  const third = new WorldAgent(world, 'n1', 30_000, 2);
  await world.addPod('n1', 'web');
  await one?.report(podState('web', 'Running'));
  const quarantined = () =>
    world.store
      .view()
      .list('events')
      .some(({ reason }) => reason === 'CloneDetected');
  await world.until('both are kept out', quarantined);
  await one?.kill();
  await two?.kill();
  world.server?.fleet.keyChanged('n1');
  await third.start();
  await world.until('the third is in', () => world.server?.fleet.statusOf('n1').connected === true, 5_000);
  await world.until('the pods are in its ledger', () => third.ledger?.documents().items.has('pods/uid-web') === true, 5_000);
  await third.report(podState('web', 'Failed'));
  await world.until('it is heard', () => phaseOf('web') === 'Failed', 5_000);
  expect(third.ledger?.outbox().lastSeq).toBe(1);
  await third.kill();
});

test('commands are carried out once and answered', async () => {
  const [agent] = await begin(10, ['n1']);
  const done: string[] = [];
  agent!.onCommand = async ({ kind, body }) => {
    done.push(`${kind} ${JSON.stringify(body)}`);
    if (kind === 'fail') throw new Error('no');
    return { ok: 'yes' };
  };
  await world.until('connected', () => agent?.link?.connected() === true);
  const results: unknown[] = [];
  world.server?.fleet.onCommandResult((node, result) => void results.push([node, result]));
  expect(world.server?.fleet.sendCommand('n1', 'open', { a: 1 }, 'id-1')).toBe('sent');
  expect(world.server?.fleet.sendCommand('n1', 'open', { a: 1 }, 'id-1')).toBe('sent');
  expect(world.server?.fleet.sendCommand('n1', 'fail', null, 'id-2')).toBe('sent');
  expect(world.server?.fleet.sendCommand('n2', 'open', null)).toBe('offline');
  await world.clock.advance(1_000);
  expect(done).toEqual(['open {"a":1}', 'fail null']);
  expect(results).toContainEqual(['n1', { id: 'id-1', ok: true, body: { ok: 'yes' } }]);
  expect(results).toContainEqual(['n1', { id: 'id-2', ok: false, body: 'no' }]);
});

/** Seeded chaos: everything that can happen to a link, a server and an agent, while events, decisions and pods come and go. */
const STEPS = 350;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

test.each(SEEDS)(
  'chaos, seed %i: nothing missing, nothing twice, nothing out of order, and all in line at the end',
  async (seed) => {
    const nodes = ['n1', 'n2', 'n3'];
    await begin(seed, nodes);
    const chance = (share: number) => world.ids.random() < share;
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(world.ids.random() * list.length)];
    const promised = new Map(nodes.map((node) => [node, [] as number[]]));
    const decided = new Map<string, string>();
    const phases = new Map<string, string>();
    const alive = new Map<string, string>();
    let faults = 0;
    let made = 0;
    world.pair.faults.delay(5, 300);
    for (let step = 1; step <= STEPS; step += 1) {
      const agent = pick(world.agents)!;
      const { node } = agent;
      if (chance(0.15)) world.pair.faults.drop(pick([0, 0, 0.05, 0.3])!);
      if (chance(0.25)) {
        faults += 1;
        world.pair.faults.cut(node);
      }
      if (chance(0.08)) {
        faults += 1;
        world.pair.faults.blackHole(node);
      }
      if (chance(0.2)) for (const each of nodes) world.pair.faults.heal(each);
      if (chance(0.06)) {
        faults += 1;
        await agent.kill();
        await agent.start();
      }
      if (chance(0.1) && world.server !== undefined) world.server.changesLeft = 1 + Math.floor(world.ids.random() * 4);
      if (world.server?.alive === false || chance(0.04)) {
        faults += 1;
        await world.killServer();
        await world.clock.advance(world.ids.random() * 30_000);
        await world.startServer();
      }
      if (chance(0.5) && (await agent.report({ class: 'event', body: eventReport(node, String(step)) })))
        promised.get(node)?.push(step);
      const mine = [...alive].filter(([, place]) => place === node).map(([name]) => name);
      if (chance(0.3)) {
        made += 1;
        const name = `pod-${made}`;
        await world.addPod(node, name);
        alive.set(name, node);
      }
      const chosen = pick(mine);
      if (chosen !== undefined && chance(0.15) && !decided.has(chosen)) {
        alive.delete(chosen);
        phases.delete(chosen);
        await world.remove('pods', 'default', chosen);
      } else if (chosen !== undefined && !decided.has(chosen) && chance(0.3)) {
        const reason = `Step${step}`;
        const body = { type: 'verdict', uid: `uid-${chosen}`, phase: 'Failed', reason, message: '' } as const;
        if (await agent.report({ class: 'decision', body })) decided.set(chosen, reason);
      } else if (chosen !== undefined && !decided.has(chosen) && (await agent.report(podState(chosen, `Step${step}`))))
        phases.set(chosen, `Step${step}`);
      if (chance(0.7)) await world.clock.advance(world.ids.random() * 4_000);
    }
    expect(faults).toBeGreaterThan(STEPS / 5);
    world.pair.faults.drop(0);
    await world.killServer();
    await world.startServer();
    for (const each of nodes) world.pair.faults.heal(each);
    const isQuiet = ({ ledger }: WorldAgent) => ledger !== undefined && ledger.outbox().ackedSeq === ledger.outbox().lastSeq;
    await world.until('all outboxes are empty and all documents in line', () =>
      world.agents.every((agent) => isQuiet(agent) && world.isInLine(agent)),
    );
    for (const node of nodes) {
      const told = eventsOf(node);
      expect(told.map((event) => Number(event['message']))).toEqual(promised.get(node));
      expect(new Set(told.map((event) => event['count'])), `twice on ${node}`).toEqual(new Set([1]));
    }
    for (const [name, reason] of decided) expect(world.pod(name)?.['status'], name).toMatchObject({ phase: 'Failed', reason });
    for (const [name, phase] of phases) if (!decided.has(name)) expect(phaseOf(name), name).toBe(phase);
    for (const agent of world.agents) {
      expect(agent.ledger?.setAside).toBeUndefined();
      expect(agent.ledger?.documents().removalsAllowed).toBe(true);
    }
    expect(world.store.incarnation().confirmed).toBe(true);
  },
);

/** Its own, that is: `network` is in every document. */
const itemsOf = (agent: WorldAgent | undefined) =>
  [...(agent?.ledger?.documents().items.keys() ?? [])].filter((key) => key !== 'network').toSorted();

test('an old copy of the database makes no node remove anything until it is confirmed', async () => {
  const agents = await begin(21, ['n1', 'n2']);
  const [one, two] = agents;
  await world.addPod('n1', 'old');
  await world.until('in line', () => world.isInLine(one!));
  await world.killServer();
  world.copyDatabase('backup.db');
  await world.startServer();
  await world.addPod('n1', 'new');
  await world.remove('pods', 'default', 'old');
  await world.until('in line again', () => world.isInLine(one!) && itemsOf(one).includes('pods/uid-new'));
  expect(itemsOf(one)).toEqual(['node', 'pods/uid-new']);
  const before = world.store.incarnation().id;
  await world.killServer();
  world.restoreDatabase('backup.db');
  await world.startServer();
  await world.addPod('n1', 'newest');
  await world.until('the new pod is there', () => itemsOf(one).includes('pods/uid-newest'));
  expect(world.store.incarnation()).toMatchObject({ confirmed: false });
  expect(world.store.incarnation().id).not.toBe(before);
  expect(itemsOf(one)).toEqual(['node', 'pods/uid-new', 'pods/uid-newest', 'pods/uid-old']);
  expect(one?.ledger?.documents().removalsAllowed).toBe(false);
  await world.remove('pods', 'default', 'newest');
  await world.until('in line with less', () => world.isInLine(one!) && world.isInLine(two!));
  await one?.kill();
  await one?.start();
  await world.clock.advance(60_000);
  expect(itemsOf(one)).toEqual(['node', 'pods/uid-new', 'pods/uid-newest', 'pods/uid-old']);
  await world.store.confirm();
  world.server?.fleet.incarnationChanged();
  await world.until('the last word is said', () => one?.ledger?.documents().removalsAllowed === true);
  expect(itemsOf(one)).toEqual(['node', 'pods/uid-old']);
  const { id } = world.store.incarnation();
  await world.killServer();
  await world.startServer();
  await world.clock.advance(120_000);
  expect(world.store.incarnation()).toMatchObject({ id, confirmed: true });
  expect(agents.every((agent) => agent.link?.connected() === true)).toBe(true);
  await world.killServer();
  world.restoreDatabase('backup.db');
  await world.startServer();
  await world.until('the same copy once more is found out once more', () => !world.store.incarnation().confirmed);
});

test('an empty database makes no node remove anything until it is confirmed', async () => {
  const [one] = await begin(22, ['n1']);
  await world.addPod('n1', 'old');
  await world.until('in line', () => itemsOf(one).includes('pods/uid-old'));
  await world.killServer();
  for (const more of ['', '-wal', '-shm']) rmSync(world.databaseFile + more, { force: true });
  await world.startServer();
  await world.until(
    'it has heard of the new one',
    () => one?.ledger?.held()?.signed.statement.incarnation === world.store.incarnation().id,
  );
  await world.clock.advance(60_000);
  expect(itemsOf(one)).toEqual(['node', 'pods/uid-old']);
  const { id } = world.store.incarnation();
  await world.store.confirm();
  world.server?.fleet.incarnationChanged();
  await world.until('it is confirmed', () => itemsOf(one).length === 0);
  expect(world.store.incarnation().id).toBe(id);
});

test('a database that is confirmed before any node of the one before is there stays confirmed, for those that come late too', async () => {
  const [one, two] = await begin(24, ['n1', 'n2']);
  await world.addPod('n1', 'old');
  await world.addPod('n2', 'old-too');
  await world.until('in line', () => itemsOf(one).length === 2 && itemsOf(two).length === 2);
  await two?.kill();
  await world.killServer();
  for (const more of ['', '-wal', '-shm']) rmSync(world.databaseFile + more, { force: true });
  await world.startServer();
  const { id } = await world.store.confirm();
  await world.until('nothing is left on the one', () => itemsOf(one).length === 0);
  await world.clock.advance(3_600_000);
  await two?.start();
  await world.until('nothing is left on the late one', () => itemsOf(two).length === 0);
  expect(world.store.incarnation()).toMatchObject({ id, confirmed: true });
});

test('a node that has left a database never confirmed is heard when a copy of that is restored', async () => {
  const [one] = await begin(25, ['n1']);
  await world.killServer();
  for (const more of ['', '-wal', '-shm']) rmSync(world.databaseFile + more, { force: true });
  const isHeard = () => one?.ledger?.held()?.signed.statement.incarnation === world.store.incarnation().id;
  await world.startServer();
  await world.until('the node is in line with the new one', isHeard);
  await world.killServer();
  world.copyDatabase('copy.db');
  await world.startServer();
  await world.addPod('n1', 'new');
  await world.until('the node goes on', () => itemsOf(one).includes('pods/uid-new'));
  const restore = async () => {
    await world.killServer();
    world.restoreDatabase('copy.db');
    await world.startServer();
  };
  const { id } = world.store.incarnation();
  await restore();
  await world.until('the copy is found out, and left', () => isHeard() && world.store.incarnation().id !== id);
  await restore();
  expect(world.store.incarnation().id).toBe(id);
  await world.until('the copy is heard once more', isHeard);
});

test('a deleted node that is still heard gets no Lease any more, which nobody would collect', async () => {
  await begin(25, ['n1']);
  const lease = () => world.store.view().get('leases.coordination.k8s.io', 'kube-node-lease', 'n1');
  await world.until('it has a lease', () => lease() !== undefined);
  await world.remove('nodes', '', 'n1');
  await world.remove('leases.coordination.k8s.io', 'kube-node-lease', 'n1');
  await world.clock.advance(120_000);
  expect(lease()).toBeUndefined();
});

test('a damaged ledger is filled again by the server, a restored one begins a new epoch', async () => {
  const [one] = await begin(23, ['n1']);
  await world.addPod('n1', 'web');
  await world.until('in line', () => itemsOf(one).includes('pods/uid-web'));
  await one?.report(podState('web', 'Running'), { class: 'event', body: eventReport('n1', '1') });
  await world.until('told', () => phaseOf('web') === 'Running');
  await one?.kill();
  copyFileSync(one!.file, `${one!.file}.copy`);
  await one?.start();
  for (let count = 2; count <= 9; count += 1) await one?.report({ class: 'event', body: eventReport('n1', String(count)) });
  await world.until('all told', () => eventsOf('n1').length === 9);
  await one?.kill();
  for (const more of ['-wal', '-shm']) rmSync(one!.file + more, { force: true });
  copyFileSync(`${one!.file}.copy`, one!.file);
  await one?.start();
  await one?.report({ class: 'event', body: eventReport('n1', '10') });
  await world.until('the new one is told too', () => eventsOf('n1').length === 10);
  await one?.kill();
  for (const more of ['-wal', '-shm']) rmSync(one!.file + more, { force: true });
  writeFileSync(one!.file, 'garbage'.repeat(1_000));
  await one?.start();
  expect(one?.ledger?.setAside).toBeDefined();
  expect(one?.ledger?.documents()).toEqual({ items: new Map(), removalsAllowed: false });
  await world.until('it is filled again', () => itemsOf(one).includes('pods/uid-web'));
  expect(one?.ledger?.documents().removalsAllowed).toBe(true);
  await one?.report({ class: 'event', body: eventReport('n1', '11') });
  await world.until('it is heard', () => eventsOf('n1').length === 11);
});

test('hostile frames in both directions are ignored', async () => {
  const [one] = await begin(24, ['n1']);
  await world.until('connected', () => one?.link?.connected() === true);
  await world.addPod('n1', 'web');
  const kinds = ['hi', 'ack', 'head', 'delta', 'chunk', 'cmd', 'nonsense'];
  for (let count = 0; count < 300; count += 1)
    world.pair.server.send('n1', kinds[count % kinds.length]!, world.ids.bytes(count % 90));
  const forged = { cluster: 'c', node: 'n1', incarnation: 'evil', confirmed: true, rev: 2 ** 40, digest: '0'.repeat(64) };
  const { kind, payload } = encodeDown({ type: 'head', head: { statement: forged, signature: 'AAAA' } }, [0]);
  world.pair.server.send('n1', kind, payload);
  const command = encodeDown({ type: 'cmd', session: 's', id: 'i', kind: 'open', ttlMs: 1, body: null, signature: 'AAAA' }, [0]);
  world.pair.server.send('n1', command.kind, command.payload);
  await world.until('the pod comes all the same', () => itemsOf(one).includes('pods/uid-web'));
  await one?.kill();
  const connection = await connectRaw('n1');
  const ups = ['hello', 'st', 'get', 'rsp', 'nonsense'];
  for (let count = 0; count < 300; count += 1) connection.send(ups[count % ups.length]!, world.ids.bytes(count % 90));
  await world.clock.advance(5_000);
  connection.close();
  await one?.start();
  await world.until('connected again', () => one?.link?.connected() === true);
});

async function connectRaw(node: string) {
  const pending = world.pair
    .agent(node)
    .connect({ message: () => undefined, closed: () => undefined }, new AbortController().signal);
  await world.clock.advance(1_000);
  return await pending;
}
