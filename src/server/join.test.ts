import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { ADMIN, startJoinWorld, type JoinWorld } from '../../test/support/join-world.ts';
import { loadOrJoin, rejoin, type Identity, type IdentityOptions } from '../agent/identity.ts';
import { withRejoin } from '../agent/rejoin.ts';
import { tokenFile } from '../agent/token-file.ts';
import { CLIENT_CERTIFICATE_PATH } from '../api/client-certificate.ts';
import { joinTokenName, newJoinToken, parseJoinToken } from '../api/join-token.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { SkerryError, explain } from '../lib/error.ts';
import { silentLog } from '../lib/log.ts';
import { systemIds as ids } from '../lib/ids.ts';
import { createAgentTransport } from '../net/link/agent.ts';
import type { AgentTransport } from '../net/link/transport.ts';
import { newKey } from '../net/tls/certificates.ts';
import { publicKeyHash, publicKeyPem } from '../net/tls/key-hash.ts';
import { createSigningRequest } from '../net/tls/signing-request.ts';
import { OWN_NODE_LABEL, makeOwnToken } from './own-node.ts';

const ownOptions = { clock: systemClock, ids };
const never = new AbortController().signal;
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(options: Parameters<typeof startJoinWorld>[0] = {}): Promise<JoinWorld> {
  const world = await startJoinWorld(options);
  stops.push(world.stop);
  return world;
}

function optionsOf(world: JoinWorld, token: string, more: Partial<IdentityOptions> = {}): IdentityOptions {
  return {
    server: world.url,
    token,
    dataDir: world.folder(),
    nodeName: 'n1',
    hostname: 'Board-7',
    labels: { site: 'harbour' },
    networks: ['192.168.1.0/24'],
    release: '0.1.0',
    clock: systemClock,
    ids,
    ...more,
  };
}

/** As if the flags had not been given. */
function without(options: IdentityOptions, ...names: readonly string[]): IdentityOptions {
  // Sound: only optional ones are left out.
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name))) as IdentityOptions;
}

const joinNode = async (world: JoinWorld, more: Partial<IdentityOptions> = {}): Promise<Identity> =>
  loadOrJoin(optionsOf(world, await world.token(), more), never);
const node = (world: JoinWorld, name = 'n1') => world.store.view().get('nodes', '', name);
const failure = async (promise: Promise<unknown>): Promise<{ readonly code: string; readonly text: string }> => {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  return { code: (error as { code?: string })?.code ?? 'none', text: explain(error) };
};
const keyOf = (identity: Identity) => publicKeyHash(createPrivateKey(identity.key));
const request = (name: string, key: string, token: string) => {
  const { id, secret } = parseJoinToken(token);
  return { token: { id, secret }, node: name, publicKey: publicKeyPem(key), labels: {}, networks: [], release: '0' };
};

test('a machine joins with a token, starts again without, and is let in by its key', async () => {
  const world = await start();
  const options = optionsOf(world, await world.token());
  const identity = await loadOrJoin(options, never);
  expect(identity).toMatchObject({
    cluster: world.pki.cluster,
    node: 'n1',
    pins: [world.pki.serverKeyHash],
    incarnation: world.store.incarnation().id,
  });
  expect(node(world)?.metadata.labels).toMatchObject({ site: 'harbour', 'kubernetes.io/hostname': 'n1' });
  const secret = world.store.view().get('secrets', 'kube-system', 'node-key-n1');
  expect(secret?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1', uid: node(world)?.metadata.uid }]);
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
  const world = await start();
  expect((await loadOrJoin(without(optionsOf(world, await world.token()), 'nodeName'), never)).node).toBe('board-7');
});

test('who cannot join for want of a flag leaves nothing on the disk', async () => {
  const world = await start();
  const options = optionsOf(world, 'no token at all');
  for (const missing of [['server'], ['token'], []])
    expect((await failure(loadOrJoin(without(options, ...missing), never))).code).toMatch(/^(Usage|BadToken)$/);
  expect(readdirSync(options.dataDir)).toEqual([]);
});

test('a wrong clock on the node matters nowhere', async () => {
  const world = await start();
  for (const [name, now] of [
    ['past', 0],
    ['future', Date.UTC(2090, 0, 1)],
  ] as const) {
    const clock: Clock = { ...systemClock, now: () => now };
    expect((await joinNode(world, { nodeName: name, clock })).node).toBe(name);
  }
});

test('a token of another cluster: the server is told nothing', async () => {
  const world = await start();
  const other = await start();
  const refused = await failure(joinNode(other, { server: world.url }));
  expect(refused.code).toBe('WrongServer');
  expect(refused.text).toContain('of another cluster');
  expect(world.requests).toEqual(['GET /skerry.dev/v1/ca']);
  expect(node(world)).toBeUndefined();
});

test('what can not be a token, a server or a name is refused with the reason', async () => {
  const world = await start();
  const token = await world.token({ uses: 10 });
  const [head, hash, id] = token.split('.');
  const cases: readonly (readonly [Partial<IdentityOptions>, string, RegExp])[] = [
    [{ token: 'abc' }, 'BadToken', /skr1\./],
    [{ token: `${head}.${hash}.${id}.${'x'.repeat(32)}` }, 'Unauthorized', /secret is wrong/],
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
    const refused = await failure(loadOrJoin(optionsOf(world, token, more), never));
    expect(refused, JSON.stringify(more)).toEqual({ code, text: expect.stringMatching(text) });
  }
  const noServer = without(optionsOf(world, token), 'server');
  expect(await failure(loadOrJoin(noServer, never))).toEqual({ code: 'Usage', text: expect.stringContaining('--server') });
  expect(world.store.view().list('nodes')).toEqual([]);
});

test('a server whose own address would be a pod’s or a service’s lets nobody in', async () => {
  const world = await start({ serverAddresses: ['192.0.2.1', '10.96.3.4'] });
  const refused = await failure(joinNode(world, { networks: ['192.0.2.0/24'] }));
  expect(refused).toEqual({
    code: 'BadRequest',
    text: expect.stringContaining("the server's address 10.96.3.4 overlaps 10.96.0.0/16"),
  });
  expect(refused.text).toContain('--service-cidr');
});

test('a name that is pinned to another key is refused, until its Node is deleted', async () => {
  const world = await start();
  const first = await joinNode(world);
  const refused = await failure(joinNode(world));
  expect(refused).toEqual({ code: 'Forbidden', text: expect.stringContaining('`skerry token create --replace n1`') });
  expect(node(world)).toBeDefined();

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  // The Secret is still there: nobody collects garbage here. The next machine of this name replaces it.
  const second = await joinNode(world);
  await eventually(() => 'node' in world.keys.nodeOf(keyOf(second)), 'the new key is known');
  expect(world.keys.nodeOf(keyOf(first))).toEqual({ refused: expect.stringContaining('revoked') });
  expect(world.revoked).toEqual(['n1']);
});

test('a machine that has lost its key takes its name back with a token for that, once, and the old key is dead at once', async () => {
  const world = await start();
  const lost = await joinNode(world);
  const before = node(world);
  world.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const transportOf = (identity: Identity) =>
    createAgentTransport({ ...identity, ...identity.server, keepaliveSeconds: 30, clock: systemClock });
  const ended: string[] = [];
  const handlers = { message() {}, closed: (why: Error) => void ended.push(explain(why)) };
  await eventually(() => 'node' in world.keys.nodeOf(keyOf(lost)), 'the first key is known');
  await transportOf(lost).connect(handlers, never);

  const token = await world.token({ replaces: 'n1' });
  const { id } = parseJoinToken(token);
  expect(await failure(joinNode(world, { nodeName: 'n2', token }))).toEqual({
    code: 'Forbidden',
    text: expect.stringContaining('takes the place of node "n1" and for no other'),
  });
  expect(node(world, 'n2')).toBeUndefined();
  const found = await joinNode(world, { token });
  expect(world.keys.nodeOf(keyOf(found))).toEqual({ node: 'n1' });
  expect(world.keys.nodeOf(keyOf(lost))).toEqual({ refused: expect.stringContaining('revoked') });
  await eventually(() => ended.length === 1, 'the old connection ends');
  expect(ended[0]).toContain('its key was revoked');
  expect((await failure(transportOf(lost).connect(handlers, never))).code).toBe('Unauthorized');
  // The Node itself is the same, with its uid and its addresses.
  expect(node(world)).toBe(before);
  const ask = { dataDir: world.folder(), labels: {}, release: '0.1.0', clock: systemClock };
  expect(await failure(rejoin(lost, ask, never))).toMatchObject({ code: 'Forbidden' });

  const third = request('n1', newKey(), token);
  expect(await world.ask(third)).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
  expect(await world.ask({ ...third, token: { id, secret: 'x'.repeat(32) } })).toMatchObject({ status: 401 });
  expect(world.keys.nodeOf(keyOf(found))).toEqual({ node: 'n1' });
});

test('a token that was revoked lets nobody in, also to take a node’s place', async () => {
  const world = await start();
  await joinNode(world);
  for (const [name, token] of [
    ['n2', await world.token({ uses: 9 })],
    ['n1', await world.token({ replaces: 'n1' })],
  ] as const) {
    const stored = { namespace: 'kube-system', name: joinTokenName(parseJoinToken(token).id) };
    await world.api.change({ verb: 'delete', resource: 'secrets', ...stored }, ADMIN, never);
    expect(await world.ask(request(name, newKey(), token))).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining('is not known here') },
    });
  }
  expect(node(world, 'n2')).toBeUndefined();
  expect(world.revoked).toEqual([]);
});

test('a node’s key reads, makes and revokes no token, has no certificate signed, and takes no other name', async () => {
  const world = await start();
  const mine = await joinNode(world);
  const other = await joinNode(world, { nodeName: 'n2' });
  const token = await world.token({ replaces: 'n2' });
  const secrets = '/api/v1/namespaces/kube-system/secrets';
  const stolen = joinTokenName(parseJoinToken(token).id);
  const csr = await createSigningRequest({ user: 'n1', groups: ['system:masters'] }, mine.key);
  const { secret } = newJoinToken({ caKeyHash: world.pki.caKeyHash, ttlMs: 60_000, uses: 1, replaces: 'n2', ids, now: 0 });
  for (const [method, path, body] of [
    ['GET', secrets, undefined],
    ['GET', `${secrets}/${stolen}`, undefined],
    ['GET', `${secrets}?watch=true`, undefined],
    ['DELETE', `${secrets}/${stolen}`, undefined],
    ['PATCH', `${secrets}/${stolen}`, { data: { uses: '' } }],
    ['POST', secrets, secret],
    ['POST', CLIENT_CERTIFICATE_PATH, { request: csr, expirationSeconds: 60 }],
    ['PATCH', '/api/v1/nodes/n1', { metadata: { labels: { a: 'b' } } }],
  ] as const)
    expect([path, await callAs(world, mine, method, path, body)]).toEqual([path, 403]);
  expect((await world.ask({ ...request('n2', mine.key, token) })).status).toBe(403);
  // By the cluster's own word about itself neither.
  const { membership } = mine.joined;
  const asOther = { membership, node: 'n2', publicKey: publicKeyPem(newKey()), labels: {}, networks: [], release: '0' };
  expect((await world.ask(asOther)).status).toBe(401);
  expect(world.keys.nodeOf(keyOf(other))).toEqual({ node: 'n2' });
});

/** With the node's certificate shown. */
function callAs(world: JoinWorld, { key, certificate }: Identity, method: string, path: string, body: unknown): Promise<number> {
  const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
  const options = { method, key, cert: certificate, ca: world.pki.ca.certificate, headers };
  return new Promise((resolve, reject) => {
    const call = httpsRequest(`${world.url}${path}`, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('labels that are reserved come with no join but that of the server’s own node', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-pki-'));
  stops.push(() => rmSync(dataDir, { recursive: true }));
  const world = await start({ dataDir });
  const labels = { site: 'harbour', [OWN_NODE_LABEL]: '', 'node-restriction.kubernetes.io/vault': 'yes' };
  const refused = await failure(joinNode(world, { labels }));
  expect(refused).toEqual({
    code: 'BadRequest',
    text: expect.stringContaining('node-restriction.kubernetes.io/vault: reserved'),
  });
  expect(refused.text).toContain('kubectl label node n1');
  expect(node(world)).toBeUndefined();
  const ownToken = (of: JoinWorld) =>
    makeOwnToken('n1', { ...ownOptions, ...of.store, ...of.api, caKeyHash: of.pki.caKeyHash }, never);
  const identity = await joinNode(world, { labels, token: await ownToken(world) });
  expect(node(world)?.metadata.labels).toMatchObject(labels);

  // A membership says the same, and nobody can make it say more.
  const plain = await joinNode(world, { nodeName: 'n2' });
  const { membership, signature } = plain.joined.membership;
  const forged = {
    ...plain,
    joined: { ...plain.joined, membership: { membership: { ...membership, own: true as const }, signature } },
  };
  const empty = await start({ dataDir, confirmed: false });
  const there = { host: '127.0.0.1', port: Number(new URL(empty.url).port) };
  const come = (who: Identity) => rejoin({ ...who, server: there }, { labels, release: '0', clock: systemClock }, never);
  expect(await failure(come(forged))).toMatchObject({ code: 'Unauthorized' });
  await come(plain);
  await come(identity);
  expect([node(empty, 'n2')?.metadata.labels, node(empty)?.metadata.labels]).toEqual([
    { site: 'harbour', 'kubernetes.io/hostname': 'n2' },
    { ...labels, 'kubernetes.io/hostname': 'n1' },
  ]);
});

test('the server lets its own node in again when that has lost its data, and never into another machine’s place', async () => {
  const world = await start();
  const ownToken = () =>
    makeOwnToken('n1', { ...ownOptions, ...world.store, ...world.api, caKeyHash: world.pki.caKeyHash }, never);
  const foreign = await joinNode(world);
  expect(await failure(joinNode(world, { token: await ownToken() }))).toMatchObject({ code: 'Forbidden' });
  expect(world.keys.nodeOf(keyOf(foreign))).toEqual({ node: 'n1' });

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  const labels = { [OWN_NODE_LABEL]: '' };
  const own = await joinNode(world, { token: await ownToken(), labels });
  const uid = node(world)?.metadata.uid;
  expect(await failure(joinNode(world, { token: await world.token() }))).toMatchObject({ code: 'Forbidden' });
  const again = await joinNode(world, { token: await ownToken(), labels });
  expect([world.keys.nodeOf(keyOf(again)), node(world)?.metadata.uid]).toEqual([{ node: 'n1' }, uid]);
  expect(world.keys.nodeOf(keyOf(own))).toEqual({ refused: expect.stringContaining('revoked') });
});

test('of two machines that take a name with one token, one has it', async () => {
  const world = await start();
  await joinNode(world);
  const token = await world.token({ replaces: 'n1' });
  const answers = await Promise.all([1, 2].map(() => world.ask(request('n1', newKey(), token))));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  const late = await world.ask(request('n1', newKey(), token));
  expect(late).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
});

test('a token for a name that is free by now makes the node anew', async () => {
  const world = await start();
  const token = await world.token({ replaces: 'n1' });
  expect((await joinNode(world, { token })).node).toBe('n1');
});

test('a token is good for its time and its uses; a node that asks again spends none', async () => {
  const clock = { ...systemClock };
  const world = await start({ clock });
  const token = await world.token({ uses: 1, ttlMs: 60_000 });
  const key = newKey();
  const first = await world.ask(request('n1', key, token));
  expect(first.status).toBe(200);
  const again = await world.ask(request('n1', key, token));
  expect(again).toEqual(first);
  const other = await world.ask(request('n2', newKey(), token));
  expect(other).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
  expect(node(world, 'n2')).toBeUndefined();

  const late = await world.token({ uses: 5, ttlMs: -1_000 });
  expect(await world.ask(request('n2', newKey(), late))).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('expired') },
  });
  await eventually(() => 'node' in world.keys.nodeOf(publicKeyHash(createPrivateKey(key))), 'its key is known');
  expect(await world.ask(request('n2', key, await world.token()))).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('that of node "n1"') },
  });
});

test('of many at once with a token of three uses, three come in', async () => {
  const world = await start();
  const token = await world.token({ uses: 3 });
  const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
  const answers = await Promise.all(names.map((name) => world.ask(request(name, newKey(), token))));
  expect(answers.filter(({ status }) => status === 200).length).toBe(3);
  expect(world.store.view().list('nodes').length).toBe(3);
});

test('a fleet that joins at once with one token comes in at the first ask, all of it', async () => {
  const world = await start();
  const token = await world.token({ uses: 40 });
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
  const answers = await Promise.all(names.map((name) => world.ask(request(name, newKey(), token))));
  expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body.message)).toEqual([]);
  expect(await world.ask(request('late', newKey(), token))).toMatchObject({ status: 403 });
});

test('whoever guesses is slowed down', async () => {
  const world = await start();
  const token = await world.token();
  const wrong = request('n1', newKey(), token);
  const answers: number[] = [];
  for (let i = 0; i < 120; i += 1)
    answers.push((await world.ask({ ...wrong, token: { ...wrong.token, secret: 'x'.repeat(32) } })).status);
  expect(new Set(answers)).toEqual(new Set([401, 429]));
  expect(node(world)).toBeUndefined();
});

test('a server that lost its database lets its nodes in again; one that removed a node does not', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-pki-'));
  stops.push(() => rmSync(dataDir, { recursive: true }));
  const first = await start({ dataDir });
  const identity = await joinNode(first);
  const more = { dataDir, labels: {}, release: '0.1.0', clock: systemClock, ids };
  await first.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  const removed = await failure(rejoin(identity, more, never));
  expect(removed).toEqual({ code: 'Forbidden', text: expect.stringContaining('was removed') });

  const empty = await start({ dataDir, confirmed: false });
  const server = { host: '127.0.0.1', port: Number(new URL(empty.url).port) };
  empty.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const moved = { ...identity, server };
  const transport = createAgentTransport({ ...moved, ...server, keepaliveSeconds: 30, clock: systemClock });
  await withRejoin(transport, moved, { ...more, log: silentLog }).connect({ message() {}, closed() {} }, never);
  expect(empty.keys.nodeOf(keyOf(identity))).toEqual({ node: 'n1' });
  const stranger = await start({ confirmed: false });
  expect(
    await failure(rejoin({ ...identity, server: { ...server, port: Number(new URL(stranger.url).port) } }, more, never)),
  ).toMatchObject({ code: 'WrongServer' });
  const forged = {
    ...identity,
    server,
    joined: { ...identity.joined, membership: { ...identity.joined.membership, signature: 'AAAA' } },
    key: newKey(),
  };
  expect(await failure(rejoin(forged, more, never))).toMatchObject({ code: 'Unauthorized' });
});

test('a node that was deleted comes back with the token it was started with, and never touches that while its identity is good', async () => {
  const world = await start();
  world.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const once = optionsOf(world, await world.token({ uses: 1 }));
  const identity = await loadOrJoin(once, never);
  const told: { readonly remedy?: string }[] = [];
  // Only what is told here matters.
  const log = {
    ...silentLog,
    warn: (facts: { readonly remedy?: string }) => void told.push(facts),
  } as unknown as typeof silentLog;
  const clock = { ...systemClock };
  const connect = async (token: string | undefined) => {
    const transport = createAgentTransport({ ...identity, ...identity.server, keepaliveSeconds: 30, clock });
    const options = { ...without(once, 'token'), ...(token === undefined ? {} : { token }), log };
    const link = withRejoin(transport, identity, { ...options, clock, ids });
    const connection = await link.connect({ message() {}, closed() {} }, never);
    connection.close();
  };
  const secretOf = (token: string) => world.store.view().get('secrets', 'kube-system', joinTokenName(parseJoinToken(token).id));
  await eventually(() => 'node' in world.keys.nodeOf(keyOf(identity)), 'its key is known');
  const fresh = await world.token({ uses: 1 });
  const before = secretOf(fresh);
  await connect('no token at all');
  await connect(fresh);
  expect(before).toBeDefined();
  expect(secretOf(fresh)).toBe(before);

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  await world.api.change({ verb: 'delete', resource: 'secrets', namespace: 'kube-system', name: 'node-key-n1' }, ADMIN, never);
  await eventually(() => !('node' in world.keys.nodeOf(keyOf(identity))), 'its key is revoked');
  for (const [token, code] of [
    [undefined, 'Forbidden'],
    ['no token at all', 'BadToken'],
    [typeof once.token === 'string' ? once.token : '', 'Forbidden'],
  ] as const) {
    expect((await failure(connect(token))).code).toBe('Unauthorized');
    expect(told.splice(0)).toMatchObject([
      {
        err: { code },
        remedy: expect.stringContaining(`skerry agent --server ${world.url} --token TOKEN --data-dir ${once.dataDir}`),
      },
    ]);
  }
  await connect(fresh);
  expect(world.keys.nodeOf(keyOf(identity))).toEqual({ node: 'n1' });
  expect(node(world)?.metadata.name).toBe('n1');
  expect(keyOf(await loadOrJoin({ ...without(once, 'server', 'token') }, never))).toBe(keyOf(identity));
  expect(told).toEqual([]);
});

test('a token file is deleted once the node is in: after the join, after a crash between the two, and after a join anew', async () => {
  const world = await start();
  world.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const file = join(world.folder(), 'token');
  const put = async () => writeFileSync(file, `${await world.token({ uses: 1 })}\n`, { mode: 0o600 });
  const voucher = tokenFile(file, silentLog);
  const options = { ...optionsOf(world, ''), ...voucher };
  expect((await failure(loadOrJoin(options, never))).code).toBe('NoToken');
  await put();
  expect((await failure(loadOrJoin({ ...options, networks: ['10.32.0.0/11'] }, never))).code).not.toBe('none');
  expect(existsSync(file)).toBe(true);
  const identity = await loadOrJoin(
    { ...options, onJoined: () => expect(existsSync(join(options.dataDir, 'agent/identity.json'))).toBe(true) },
    never,
  );

  const clock = { ...systemClock };
  const link = () =>
    withRejoin(createAgentTransport({ ...identity, ...identity.server, keepaliveSeconds: 30, clock }), identity, {
      ...options,
      clock,
      ids,
      log: silentLog,
    });
  const connect = async () => (await link().connect({ message() {}, closed() {} }, never)).close();
  await eventually(() => 'node' in world.keys.nodeOf(keyOf(identity)), 'its key is known');
  // As a crash after the join would leave it: still there at the next start, and gone once that has a link.
  await loadOrJoin(options, never);
  expect(existsSync(file)).toBe(true);
  await connect();
  expect(existsSync(file)).toBe(false);

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  await world.api.change({ verb: 'delete', resource: 'secrets', namespace: 'kube-system', name: 'node-key-n1' }, ADMIN, never);
  await eventually(() => !('node' in world.keys.nodeOf(keyOf(identity))), 'its key is revoked');
  expect((await failure(connect())).code).toBe('Unauthorized');
  await put();
  await connect();
  expect(existsSync(file)).toBe(false);
  expect(world.keys.nodeOf(keyOf(identity))).toEqual({ node: 'n1' });
});

test('a node that was removed asks a few times an hour at first, then once', async () => {
  const world = await start();
  const identity = await joinNode(world);
  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  let [nowMs, isRefused] = [0, true];
  const transport: AgentTransport = {
    connect: async () => {
      if (isRefused) throw new SkerryError('Unauthorized', 'its key is revoked');
      return { send: () => 'sent', close() {} };
    },
  };
  const clock = { ...systemClock, monotonic: () => nowMs };
  const options = { dataDir: world.folder(), labels: {}, release: '0.1.0', clock, ids, log: silentLog };
  const link = withRejoin(transport, identity, options);
  const asked = () => world.requests.filter((line) => line.startsWith('POST')).length;
  /** How often it asks in so many minutes of a link that is tried every ten seconds. */
  const asksIn = async (minutes: number) => {
    const before = asked();
    for (let tries = 0; tries < minutes * 6; tries += 1, nowMs += 10_000)
      await link.connect({ message() {}, closed() {} }, never).catch(() => undefined);
    return asked() - before;
  };
  expect(await asksIn(60)).toBeGreaterThanOrEqual(5);
  await asksIn(120);
  const perDay = await asksIn(24 * 60);
  expect(perDay).toBeGreaterThanOrEqual(23);
  expect(perDay).toBeLessThanOrEqual(33);
  isRefused = false;
  await asksIn(1);
  isRefused = true;
  nowMs += 3_600_000;
  expect(await asksIn(10)).toBeGreaterThanOrEqual(3);
});

test('a damaged file of the node is named, and nothing is overwritten', async () => {
  const world = await start();
  const options = optionsOf(world, await world.token({ uses: 9 }));
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
  const world = await start();
  const key = newKey();
  const token = await world.token({ uses: 2 });
  const answers = await Promise.all([world.ask(request('n1', key, token)), world.ask(request('n2', key, token))]);
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(answers.find(({ status }) => status === 409)?.body.message).toContain('another join with its key is going on');
  expect([node(world, 'n1'), node(world, 'n2')].filter((one) => one !== undefined)).toHaveLength(1);
});
