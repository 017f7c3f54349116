import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { ADMIN, startJoinWorld, type JoinWorld } from '../../test/support/join-world.ts';
import { failure, joinNode, joinOptions, joinRequest, keyOf, nodeOf, without } from '../../test/support/joining-node.ts';
import { loadOrJoin, rejoin, type Identity } from '../agent/identity.ts';
import { withRejoin } from '../agent/rejoin.ts';
import { tokenFile } from '../agent/token-file.ts';
import { CLIENT_CERTIFICATE_PATH } from '../api/client-certificate.ts';
import { joinTokenName, newJoinToken, parseJoinToken } from '../api/join-token.ts';
import { systemClock } from '../lib/clock.ts';
import { SkerryError, explain } from '../lib/error.ts';
import { silentLog } from '../lib/log.ts';
import { systemIds as ids } from '../lib/ids.ts';
import { createAgentTransport } from '../net/link/agent.ts';
import type { AgentTransport } from '../net/link/transport.ts';
import { newKey } from '../net/tls/certificates.ts';
import { publicKeyPem } from '../net/tls/key-hash.ts';
import { createSigningRequest } from '../net/tls/signing-request.ts';
import { OWN_NODE_LABEL, makeOwnToken } from './own-node.ts';

/** A name that is there already: taken over, lost, removed, and joined anew. */
const ownOptions = { clock: systemClock, ids };
const never = new AbortController().signal;

test('a name that is pinned to another key is refused, until its Node is deleted', async () => {
  const world = await startJoinWorld();
  const first = await joinNode(world);
  const refused = await failure(joinNode(world));
  expect(refused).toEqual({ code: 'Forbidden', text: expect.stringContaining('`skerry token create --replace n1`') });
  expect(nodeOf(world)).toBeDefined();

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  // The Secret is still there: nobody collects garbage here. The next machine of this name replaces it.
  const second = await joinNode(world);
  await eventually(() => 'node' in world.keys.nodeOf(keyOf(second)), 'the new key is known');
  expect(world.keys.nodeOf(keyOf(first))).toEqual({ refused: expect.stringContaining('revoked') });
  expect(world.revoked).toEqual(['n1']);
});

test('a machine that has lost its key takes its name back with a token for that, once, and the old key is dead at once', async () => {
  const world = await startJoinWorld();
  const lost = await joinNode(world);
  const before = nodeOf(world);
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
  expect(nodeOf(world, 'n2')).toBeUndefined();
  const found = await joinNode(world, { token });
  expect(world.keys.nodeOf(keyOf(found))).toEqual({ node: 'n1' });
  expect(world.keys.nodeOf(keyOf(lost))).toEqual({ refused: expect.stringContaining('revoked') });
  await eventually(() => ended.length === 1, 'the old connection ends');
  expect(ended[0]).toContain('its key was revoked');
  expect((await failure(transportOf(lost).connect(handlers, never))).code).toBe('Unauthorized');
  // The Node itself is the same, with its uid and its addresses.
  expect(nodeOf(world)).toBe(before);
  const ask = { dataDir: world.folder(), labels: {}, release: '0.1.0', clock: systemClock };
  expect(await failure(rejoin(lost, ask, never))).toMatchObject({ code: 'Forbidden' });

  const third = joinRequest('n1', newKey(), token);
  expect(await world.ask(third)).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
  expect(await world.ask({ ...third, token: { id, secret: 'x'.repeat(32) } })).toMatchObject({ status: 401 });
  expect(world.keys.nodeOf(keyOf(found))).toEqual({ node: 'n1' });
});

test('a token that was revoked lets nobody in, also to take a node’s place', async () => {
  const world = await startJoinWorld();
  await joinNode(world);
  for (const [name, token] of [
    ['n2', await world.token({ uses: 9 })],
    ['n1', await world.token({ replaces: 'n1' })],
  ] as const) {
    const stored = { namespace: 'kube-system', name: joinTokenName(parseJoinToken(token).id) };
    await world.api.change({ verb: 'delete', resource: 'secrets', ...stored }, ADMIN, never);
    expect(await world.ask(joinRequest(name, newKey(), token))).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining('is not known here') },
    });
  }
  expect(nodeOf(world, 'n2')).toBeUndefined();
  expect(world.revoked).toEqual([]);
});

test('a node’s key reads, makes and revokes no token, has no certificate signed, and takes no other name', async () => {
  const world = await startJoinWorld();
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
  expect((await world.ask(joinRequest('n2', mine.key, token))).status).toBe(403);
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

test('the server lets its own node in again when that has lost its data, and never into another machine’s place', async () => {
  const world = await startJoinWorld();
  const ownToken = () =>
    makeOwnToken('n1', { ...ownOptions, ...world.store, ...world.api, caKeyHash: world.pki.caKeyHash }, never);
  const foreign = await joinNode(world);
  expect(await failure(joinNode(world, { token: await ownToken() }))).toMatchObject({ code: 'Forbidden' });
  expect(world.keys.nodeOf(keyOf(foreign))).toEqual({ node: 'n1' });

  await world.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  const labels = { [OWN_NODE_LABEL]: '' };
  const own = await joinNode(world, { token: await ownToken(), labels });
  const uid = nodeOf(world)?.metadata.uid;
  expect(await failure(joinNode(world, { token: await world.token() }))).toMatchObject({ code: 'Forbidden' });
  const again = await joinNode(world, { token: await ownToken(), labels });
  expect([world.keys.nodeOf(keyOf(again)), nodeOf(world)?.metadata.uid]).toEqual([{ node: 'n1' }, uid]);
  expect(world.keys.nodeOf(keyOf(own))).toEqual({ refused: expect.stringContaining('revoked') });
});

test('of two machines that take a name with one token, one has it', async () => {
  const world = await startJoinWorld();
  await joinNode(world);
  const token = await world.token({ replaces: 'n1' });
  const answers = await Promise.all([1, 2].map(() => world.ask(joinRequest('n1', newKey(), token))));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  const late = await world.ask(joinRequest('n1', newKey(), token));
  expect(late).toMatchObject({ status: 403, body: { message: expect.stringContaining('used up') } });
});

test('a token for a name that is free by now makes the node anew', async () => {
  const world = await startJoinWorld();
  const token = await world.token({ replaces: 'n1' });
  expect((await joinNode(world, { token })).node).toBe('n1');
});

test('a server that lost its database lets its nodes in again; one that removed a node does not', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-pki-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const first = await startJoinWorld({ dataDir });
  const identity = await joinNode(first);
  const more = { dataDir, labels: {}, release: '0.1.0', clock: systemClock, ids };
  await first.api.change({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n1' }, ADMIN, never);
  const removed = await failure(rejoin(identity, more, never));
  expect(removed).toEqual({ code: 'Forbidden', text: expect.stringContaining('was removed') });

  const empty = await startJoinWorld({ dataDir, confirmed: false });
  const server = { host: '127.0.0.1', port: Number(new URL(empty.url).port) };
  empty.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const moved = { ...identity, server };
  const transport = createAgentTransport({ ...moved, ...server, keepaliveSeconds: 30, clock: systemClock });
  await withRejoin(transport, moved, { ...more, log: silentLog }).connect({ message() {}, closed() {} }, never);
  expect(empty.keys.nodeOf(keyOf(identity))).toEqual({ node: 'n1' });
  const stranger = await startJoinWorld({ confirmed: false });
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
  const world = await startJoinWorld();
  world.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const once = joinOptions(world, await world.token({ uses: 1 }));
  const identity = await loadOrJoin(once, never);
  const told: { readonly remedy?: string }[] = [];
  const refusals: (string | undefined)[] = [];
  // Only what is told here matters.
  const log = {
    ...silentLog,
    warn: (facts: { readonly remedy?: string }) => void told.push(facts),
  } as unknown as typeof silentLog;
  const clock = { ...systemClock };
  const connect = async (token: string | undefined, isInstalled = false) => {
    const transport = createAgentTransport({ ...identity, ...identity.server, keepaliveSeconds: 30, clock });
    const onRefused = (why: string | undefined) => void refusals.push(why);
    const options = { ...without(once, 'token'), ...(token === undefined ? {} : { token }), log, onRefused };
    const link = withRejoin(transport, identity, { ...options, isInstalled, clock, ids });
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
  expect(refusals.splice(0)).toEqual([
    undefined,
    undefined,
    expect.stringContaining('it was removed from this cluster; join it with a new token'),
    expect.stringContaining('read the join token'),
    expect.any(String),
  ]);
  expect((await failure(connect(undefined, true))).code).toBe('Unauthorized');
  expect(told.splice(0)).toMatchObject([
    { remedy: expect.stringContaining(`run here: skerry install agent --server ${world.url} --token-file FILE`) },
  ]);
  await connect(fresh);
  expect(refusals.at(-1)).toBe(undefined);
  expect(world.keys.nodeOf(keyOf(identity))).toEqual({ node: 'n1' });
  expect(nodeOf(world)?.metadata.name).toBe('n1');
  expect(keyOf(await loadOrJoin({ ...without(once, 'server', 'token') }, never))).toBe(keyOf(identity));
  expect(told).toEqual([]);
});

test('a token file is deleted once the node is in: after the join, after a crash between the two, and after a join anew', async () => {
  const world = await startJoinWorld();
  world.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
  const file = join(world.folder(), 'token');
  const put = async () => writeFileSync(file, `${await world.token({ uses: 1 })}\n`, { mode: 0o600 });
  const voucher = tokenFile(file, silentLog);
  const options = { ...joinOptions(world, ''), ...voucher };
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
  const world = await startJoinWorld();
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
