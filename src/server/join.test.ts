import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { startJoinWorld, type JoinWorld } from '../../test/support/join-world.ts';
import { failure, joinNode, joinOptions, joinRequest, keyOf, nodeOf, without } from '../../test/support/joining-node.ts';
import { loadOrJoin, rejoin, type Identity, type IdentityOptions } from '../agent/identity.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { systemIds as ids } from '../lib/ids.ts';
import { createAgentTransport } from '../net/link/agent.ts';
import { newKey } from '../net/tls/certificates.ts';
import { publicKeyHash } from '../net/tls/key-hash.ts';
import { OWN_NODE_LABEL, makeOwnToken } from './own-node.ts';

/** Machines that join for the first time, and who is not let in. Names that are pinned, lost or removed: join-again.test.ts. */
const ownOptions = { clock: systemClock, ids };
const never = new AbortController().signal;

test('a machine joins with a token, starts again without, and is let in by its key', async () => {
  const world = await startJoinWorld();
  const options = joinOptions(world, await world.token());
  const identity = await loadOrJoin(options, never);
  expect(identity).toMatchObject({
    cluster: world.pki.cluster,
    node: 'n1',
    pins: [world.pki.serverKeyHash],
    incarnation: world.store.incarnation().id,
  });
  expect(nodeOf(world)?.metadata.labels).toMatchObject({ site: 'harbour', 'kubernetes.io/hostname': 'n1' });
  const secret = world.store.view().get('secrets', 'kube-system', 'node-key-n1');
  expect(secret?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1', uid: nodeOf(world)?.metadata.uid }]);
  for (const file of ['node.key', 'identity.json'])
    expect(statSync(join(options.dataDir, 'agent', file)).mode & 0o777).toBe(0o600);

  const again = await loadOrJoin(without(options, 'server', 'token', 'nodeName'), never);
  expect({ ...again, signingKey: 0, recoveryKey: 0 }).toEqual({ ...identity, signingKey: 0, recoveryKey: 0 });
  expect(await failure(loadOrJoin({ ...options, nodeName: 'other' }, never))).toEqual({
    code: 'Usage',
    text: expect.stringMatching(/has joined as node "n1".*leave --node-name out.*delete the Node "n1", remove .*identity.json/),
  });

  await eventually(() => 'node' in world.keys.nodeOf(keyOf(identity)), 'the key is known');
  const news: string[] = [];
  world.link.start({ connected: (n) => news.push(n), disconnected() {}, seen() {}, message() {} });
  const transport = createAgentTransport({ ...identity, ...identity.server, keepaliveSeconds: 30, clock: systemClock });
  await transport.connect({ message() {}, closed() {} }, never);
  expect(news).toEqual(['n1']);
});

test('a machine that is given no name goes by its hostname', async () => {
  const world = await startJoinWorld();
  expect((await loadOrJoin(without(joinOptions(world, await world.token()), 'nodeName'), never)).node).toBe('board-7');
});

test('who cannot join for want of a flag leaves nothing on the disk', async () => {
  const world = await startJoinWorld();
  const options = joinOptions(world, 'no token at all');
  for (const missing of [['server'], ['token'], []])
    expect((await failure(loadOrJoin(without(options, ...missing), never))).code).toMatch(/^(Usage|BadToken)$/);
  expect(readdirSync(options.dataDir)).toEqual([]);
});

test('a wrong clock on the node matters nowhere', async () => {
  const world = await startJoinWorld();
  for (const [name, now] of [
    ['past', 0],
    ['future', Date.UTC(2090, 0, 1)],
  ] as const) {
    const clock: Clock = { ...systemClock, now: () => now };
    expect((await joinNode(world, { nodeName: name, clock })).node).toBe(name);
  }
});

test('a token of another cluster: the server is told nothing', async () => {
  const world = await startJoinWorld();
  const other = await startJoinWorld();
  const refused = await failure(joinNode(other, { server: world.url }));
  expect(refused.code).toBe('WrongServer');
  expect(refused.text).toContain('of another cluster');
  expect(world.requests).toEqual(['GET /skerry.dev/v1/ca']);
  expect(nodeOf(world)).toBeUndefined();
});

test('what can not be a token, a server or a name is refused with the reason', async () => {
  const world = await startJoinWorld();
  const token = await world.token({ uses: 10 });
  const [head, hash, id] = token.split('.');
  const cases: readonly (readonly [Partial<IdentityOptions>, string, RegExp])[] = [
    [{ token: 'abc' }, 'BadToken', /skr1\./],
    [
      { token: `${head}.${hash}.${id}.${'x'.repeat(32)}` },
      'Unauthorized',
      /secret is wrong: make a new one with `skerry token create`/,
    ],
    [{ token: `${head}.${hash}.bcdfghjk.${'x'.repeat(32)}` }, 'Unauthorized', /not known here/],
    [{ server: 'http://x' }, 'Usage', /https:/],
    [{ server: 'https://127.0.0.1:1' }, 'Unreachable', /127.0.0.1:1/],
    [{ nodeName: 'Not_A_Name' }, 'BadRequest', /node name/],
    [{ nodeName: 'a'.repeat(64) }, 'BadRequest', /63/],
    [{ labels: { 'bad key': 'x' } }, 'BadRequest', /labels/],
    [{ networks: ['10.33.0.0/16'] }, 'BadRequest', /the node is on 10.33.0.0\/16, .* 10.32.0.0\/11, .* as --cluster-cidr:/],
    [{ networks: ['10.0.0.0/8'] }, 'BadRequest', /--cluster-cidr.*--service-cidr/],
  ];
  for (const [more, code, text] of cases) {
    const refused = await failure(loadOrJoin(joinOptions(world, token, more), never));
    expect(refused, JSON.stringify(more)).toEqual({ code, text: expect.stringMatching(text) });
  }
  const noServer = without(joinOptions(world, token), 'server');
  expect(await failure(loadOrJoin(noServer, never))).toEqual({ code: 'Usage', text: expect.stringContaining('--server') });
  expect(world.store.view().list('nodes')).toEqual([]);
});

test('a server whose own address would be a pod’s or a service’s lets nobody in', async () => {
  const world = await startJoinWorld({ serverAddresses: ['192.0.2.1', '10.96.3.4'] });
  const refused = await failure(joinNode(world, { networks: ['192.0.2.0/24'] }));
  expect(refused).toEqual({
    code: 'BadRequest',
    text: expect.stringContaining("the server's address 10.96.3.4 overlaps 10.96.0.0/16"),
  });
  expect(refused.text).toContain('--service-cidr');
});

test('labels that are reserved come with no join but that of the server’s own node', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-pki-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const world = await startJoinWorld({ dataDir });
  const labels = { site: 'harbour', [OWN_NODE_LABEL]: '', 'node-restriction.kubernetes.io/vault': 'yes' };
  const refused = await failure(joinNode(world, { labels }));
  expect(refused).toEqual({
    code: 'BadRequest',
    text: expect.stringContaining('node-restriction.kubernetes.io/vault: reserved'),
  });
  expect(refused.text).toContain('kubectl label node n1');
  expect(nodeOf(world)).toBeUndefined();
  const ownToken = (of: JoinWorld) =>
    makeOwnToken('n1', { ...ownOptions, ...of.store, ...of.api, caKeyHash: of.pki.caKeyHash }, never);
  const identity = await joinNode(world, { labels, token: await ownToken(world) });
  expect(nodeOf(world)?.metadata.labels).toMatchObject(labels);

  // A membership says the same, and nobody can make it say more.
  const plain = await joinNode(world, { nodeName: 'n2' });
  const { membership, signature } = plain.joined.membership;
  const forged = {
    ...plain,
    joined: { ...plain.joined, membership: { membership: { ...membership, own: true as const }, signature } },
  };
  const empty = await startJoinWorld({ dataDir, confirmed: false });
  const there = { host: '127.0.0.1', port: Number(new URL(empty.url).port) };
  const come = (who: Identity) => rejoin({ ...who, server: there }, { labels, release: '0', clock: systemClock }, never);
  expect(await failure(come(forged))).toMatchObject({ code: 'Unauthorized' });
  await come(plain);
  await come(identity);
  expect([nodeOf(empty, 'n2')?.metadata.labels, nodeOf(empty)?.metadata.labels]).toEqual([
    { site: 'harbour', 'kubernetes.io/hostname': 'n2' },
    { ...labels, 'kubernetes.io/hostname': 'n1' },
  ]);
});

test('a token is good for its time and its uses; a node that asks again spends none', async () => {
  const clock = { ...systemClock };
  const world = await startJoinWorld({ clock });
  const token = await world.token({ uses: 1, ttlMs: 60_000 });
  const key = newKey();
  const first = await world.ask(joinRequest('n1', key, token));
  expect(first.status).toBe(200);
  const again = await world.ask(joinRequest('n1', key, token));
  expect(again).toEqual(first);
  const other = await world.ask(joinRequest('n2', newKey(), token));
  expect(other).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
  expect(nodeOf(world, 'n2')).toBeUndefined();

  const late = await world.token({ uses: 5, ttlMs: -1_000 });
  expect(await world.ask(joinRequest('n2', newKey(), late))).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('expired') },
  });
  await eventually(() => 'node' in world.keys.nodeOf(publicKeyHash(createPrivateKey(key))), 'its key is known');
  expect(await world.ask(joinRequest('n2', key, await world.token()))).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('that of node "n1"') },
  });
});

test('of many at once with a token of three uses, three come in', async () => {
  const world = await startJoinWorld();
  const token = await world.token({ uses: 3 });
  const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
  const answers = await Promise.all(names.map((name) => world.ask(joinRequest(name, newKey(), token))));
  expect(answers.filter(({ status }) => status === 200).length).toBe(3);
  expect(world.store.view().list('nodes').length).toBe(3);
});

test('a fleet that joins at once with one token comes in at the first ask, all of it', async () => {
  const world = await startJoinWorld();
  const token = await world.token({ uses: 40 });
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
  const answers = await Promise.all(names.map((name) => world.ask(joinRequest(name, newKey(), token))));
  expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body.message)).toEqual([]);
  expect(await world.ask(joinRequest('late', newKey(), token))).toMatchObject({ status: 403 });
});

test('whoever guesses is slowed down', async () => {
  const world = await startJoinWorld();
  const token = await world.token();
  const wrong = joinRequest('n1', newKey(), token);
  const answers: number[] = [];
  for (let i = 0; i < 120; i += 1)
    answers.push((await world.ask({ ...wrong, token: { ...wrong.token, secret: 'x'.repeat(32) } })).status);
  expect(new Set(answers)).toEqual(new Set([401, 429]));
  expect(nodeOf(world)).toBeUndefined();
});

test('a damaged file of the node is named, and nothing is overwritten', async () => {
  const world = await startJoinWorld();
  const options = joinOptions(world, await world.token({ uses: 9 }));
  await loadOrJoin(options, never);
  for (const name of ['identity.json', 'node.key']) {
    const file = join(options.dataDir, 'agent', name);
    const good = readFileSync(file);
    for (const damage of ['', '{"server":{}}', good.subarray(0, 40)]) {
      writeFileSync(file, damage);
      expect(await failure(loadOrJoin(options, never))).toEqual({ code: 'BrokenIdentity', text: expect.stringContaining(file) });
      expect(readFileSync(file).equals(Buffer.from(damage))).toBe(true);
    }
    rmSync(file);
    if (name === 'node.key') expect((await failure(loadOrJoin(options, never))).code).toBe('BrokenIdentity');
    writeFileSync(file, good);
  }
});

test('one key under two names at the same moment becomes one node', async () => {
  const world = await startJoinWorld();
  const key = newKey();
  const token = await world.token({ uses: 2 });
  const answers = await Promise.all([world.ask(joinRequest('n1', key, token)), world.ask(joinRequest('n2', key, token))]);
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(answers.find(({ status }) => status === 409)?.body.message).toContain('another join with its key is going on');
  expect([nodeOf(world, 'n1'), nodeOf(world, 'n2')].filter((one) => one !== undefined)).toHaveLength(1);
});
