import { Agent, request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { generate } from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { startConnectProxy, type ConnectProxy } from '../../test/support/connect-proxy.ts';
import { eventually } from '../../test/support/eventually.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { startRealPort, type NodeIdentity, type RealPort, type RealPortOptions } from '../../test/support/real-port.ts';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';
import { transportContract, type TransportWorld } from '../../test/support/transport-contract.ts';
import { hasCode } from '../lib/error.ts';
import type { AgentTransport } from '../net/link/transport.ts';

const KEEPALIVE_MS = 1_000;
const never = new AbortController().signal;
const silent = { message: () => {}, closed: () => {} };

transportContract('the real port', () => contractWorld());
transportContract('the real port, through an HTTP proxy', async () => {
  const through = await startConnectProxy({ login: 'me:pass' });
  return contractWorld(through);
});

async function contractWorld(through?: ConnectProxy): Promise<TransportWorld> {
  const real = await startRealPort();
  const wires = new Map<string, TcpProxy>();
  for (const node of ['a', 'b', 'b.site-1', 'dead', 'alive']) wires.set(node, await startTcpProxy(real.address.port));
  const transports = new Map<string, Promise<AgentTransport>>();
  const agentOf = (node: string): AgentTransport => ({
    connect: async (handlers, signal) => {
      const transport = transports.get(node) ?? real.agent(node, wires.get(node)!.port, KEEPALIVE_MS / 1_000, through?.proxy);
      transports.set(node, transport);
      const connection = await (await transport).connect(handlers, signal);
      // Straight it would do all of this as well.
      if (through !== undefined) expect(through.asked).toContain(`127.0.0.1:${wires.get(node)!.port} me:pass`);
      return connection;
    },
  });
  return {
    server: real.link,
    agent: agentOf,
    cut: (node) => wires.get(node)!.cut(),
    blackHole: (node) => wires.get(node)!.blackHole(),
    heal: (node) => wires.get(node)!.heal(),
    refuse: (node, reason) => {
      if (reason === undefined) real.refused.delete(node);
      else real.refused.set(node, reason);
    },
    keepaliveMs: KEEPALIVE_MS,
    stop: async () => {
      for (const wire of wires.values()) await wire.stop();
      await real.stop();
      await through?.stop();
    },
  };
}

describe('the one port', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });
  const start = async (options?: RealPortOptions): Promise<RealPort> => {
    const real = await startRealPort(options);
    stops.push(real.stop);
    return real;
  };

  test('a returning agent resumes its TLS session, over a restart of the server too', async () => {
    const real = await start();
    real.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    const agent = await real.agent('a');
    const first = await agent.connect(silent, never);
    first.close();
    (await agent.connect(silent, never)).close();
    expect(real.linkSockets.map(({ reused }) => reused)).toEqual([false, true]);
    await real.stop();

    const again = await start({ after: real, at: real.address.port });
    again.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    await agent.connect(silent, never);
    expect(again.linkSockets.map(({ reused }) => reused)).toEqual([true]);
  });

  test('a key that was revoked meanwhile is refused on a resumed session', async () => {
    const real = await start();
    real.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    const agent = await real.agent('a');
    (await agent.connect(silent, never)).close();
    real.refused.set('a', 'revoked');
    const error = await agent.connect(silent, never).catch((e: unknown) => e);
    expect(hasCode(error, 'Unauthorized')).toBe(true);
    expect(real.linkSockets.at(-1)?.reused).toBe(true);
  });

  test('a server with another key is no server of this node', async () => {
    const [real, other] = [await start(), await start()];
    other.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    const agent = await real.agent('a', other.address.port);
    const error = await agent.connect(silent, never).catch((e: unknown) => e);
    expect(hasCode(error, 'WrongServer')).toBe(true);
  });

  test('who calls is what TLS has proven', async () => {
    const real = await start();
    const other = await start();
    const user = await real.userCertificate('jane', ['dev', 'ops']);
    expect(await get(real, user)).toEqual({
      type: 'user',
      user: { name: 'jane', groups: ['dev', 'ops', 'system:authenticated'] },
      untilMs: expect.any(Number),
    });
    expect(await get(real, await real.identity('n1'))).toEqual({
      type: 'node',
      node: 'n1',
      keyHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await get(real, undefined)).toEqual({ type: 'anonymous' });
    // Another cluster's user, a certificate that has expired, and a key that nobody pinned.
    expect(await get(real, await other.userCertificate('jane', ['system:masters']))).toEqual({ type: 'anonymous' });
    expect(await get(real, await real.userCertificate('jane', ['system:masters'], -60_000))).toEqual({ type: 'anonymous' });
    expect(await get(real, await other.identity('n1'))).toEqual({ type: 'anonymous' });
  });

  test('a user is one no longer than the certificate says, on a connection that began before, too', async () => {
    const real = await start();
    const user = await real.userCertificate('jane', ['dev'], 2_000);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      expect(await get(real, user, agent)).toMatchObject({ type: 'user' });
      const connection = Object.values(agent.freeSockets)[0]?.[0];
      expect(connection).toBeDefined();
      const answers: unknown[] = [];
      const ended = async () => {
        // Kept until the server knows nobody there any more.
        expect(connection?.destroyed).toBe(false);
        answers.push(await get(real, user, agent));
        return (answers.at(-1) as { readonly type?: string }).type === 'anonymous';
      };
      await eventually(ended, 'the certificate has ended', 5_000);
    } finally {
      agent.destroy();
    }
  });

  test('garbage, false lengths and silence end one connection and nothing else', async () => {
    const real = await start();
    const news: string[] = [];
    real.link.start({ connected: (n) => news.push(n), disconnected: (n) => news.push(`-${n}`), seen() {}, message() {} });
    const a = await real.identity('a');
    const hello = generate({ cmd: 'connect', clientId: 'a', protocolVersion: 4, clean: true, keepalive: 60 });
    const publish = (topic: string, qos: 0 | 1 | 2 = 0) =>
      generate({ cmd: 'publish', topic, payload: 'x', qos, messageId: 1, dup: false, retain: false });
    const bad: readonly (readonly [string, readonly Buffer[]])[] = [
      ['no MQTT at all', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
      ['zeros', [Buffer.alloc(64)]],
      ['a length of 1 MB', [hello, Buffer.of(0x30, 0xff, 0xff, 0x3f)]],
      ['a length without end', [hello, Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0xff)]],
      ['a second CONNECT', [hello, hello]],
      ['no CONNECT first', [publish('skerry/c1/a/up/st')]],
      ['a topic of another node', [hello, publish('skerry/c1/b/up/st')]],
      ['a topic of the server', [hello, publish('skerry/c1/a/dn/st')]],
      ['QoS 2', [hello, publish('skerry/c1/a/up/st', 2)]],
      ['MQTT 5', [generate({ cmd: 'connect', clientId: 'a', protocolVersion: 5, clean: true, keepalive: 60 })]],
      ['no keepalive', [generate({ cmd: 'connect', clientId: 'a', protocolVersion: 4, clean: true, keepalive: 0 })]],
      ['another name', [generate({ cmd: 'connect', clientId: 'b', protocolVersion: 4, clean: true, keepalive: 60 })]],
      ['a name that is none', [generate({ cmd: 'connect', clientId: '#', protocolVersion: 4, clean: true, keepalive: 60 })]],
      [
        'too many subscriptions',
        [
          hello,
          ...[1, 2, 3].map((messageId) => generate({ cmd: 'subscribe', messageId, subscriptions: [{ topic: '#', qos: 0 }] })),
        ],
      ],
    ];
    for (const [what, packets] of bad) {
      const socket = await dial(real, a);
      for (const packet of packets) socket.write(packet);
      await ended(socket, what);
    }
    expect(news).toEqual([]);
    await noTls(real);
    const agent = await (await real.agent('a')).connect(silent, never);
    expect(agent.send('st', Buffer.from('1'))).toBe('sent');
    expect(news).toEqual(['a']);
  });

  test('who never says CONNECT is ended in time, however busy', async () => {
    const clock = manualClock();
    const real = await start({ clock });
    real.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    const socket = await dial(real, await real.identity('a'));
    const hello = generate({ cmd: 'connect', clientId: 'a', protocolVersion: 4, clean: true, keepalive: 60 });
    for (let i = 0; i < 9; i += 1) {
      socket.write(hello.subarray(i, i + 1));
      await eventually(() => socket.writableLength === 0, 'written');
      await clock.advance(1_000);
    }
    expect(socket.destroyed || socket.readableEnded).toBe(false);
    await clock.advance(1_001);
    await ended(socket, 'slow CONNECT');
  });

  test('QoS 1 is acknowledged, other topics are not given', async () => {
    const real = await start();
    const got: string[] = [];
    real.link.start({ connected() {}, disconnected() {}, seen() {}, message: (node, kind) => got.push(`${node} ${kind}`) });
    const socket = await dial(real, await real.identity('a'));
    const answers: Buffer[] = [];
    socket.on('data', (chunk) => answers.push(chunk));
    socket.write(generate({ cmd: 'connect', clientId: 'a', protocolVersion: 4, clean: false, keepalive: 60 }));
    socket.write(
      generate({
        cmd: 'subscribe',
        messageId: 7,
        subscriptions: [
          { topic: 'skerry/c1/+/dn/#', qos: 0 },
          { topic: 'skerry/c1/a/dn/#', qos: 1 },
        ],
      }),
    );
    socket.write(
      generate({ cmd: 'publish', topic: 'skerry/c1/a/up/st', payload: 'x', qos: 1, messageId: 9, dup: false, retain: false }),
    );
    const expected = [
      generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
      generate({ cmd: 'suback', messageId: 7, granted: [0x80, 0] }),
      generate({ cmd: 'puback', messageId: 9 }),
    ];
    await eventually(() => Buffer.concat(answers).equals(Buffer.concat(expected)), 'three answers');
    expect(got).toEqual(['a st']);
    socket.destroy();
  });

  test('an upgrade goes where it belongs, or is answered as if not asked for', async () => {
    const real = await start({
      isUpgrade: ({ url }) => url === '/streams',
      onUpgrade: (_, socket, __, peer) => void socket.end(`HTTP/1.1 101 ${peer.type}\r\n\r\n`),
    });
    const upgrade = (path: string) =>
      [`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', '', ''].join('\r\n');
    expect(await exchange(real, upgrade('/streams'))).toMatch(/^HTTP\/1.1 101 node/);
    expect(await exchange(real, upgrade('/other'))).toMatch(/^HTTP\/1.1 200 OK/);
    expect(await exchange(real, 'BLARG\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await exchange(real, `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  test('a certificate that is made anew is shown from then on, and sessions of before are resumed', async () => {
    const real = await start();
    real.link.start({ connected() {}, disconnected() {}, seen() {}, message() {} });
    const agent = await real.agent('a');
    (await agent.connect(silent, never)).close();
    const shown = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port: real.address.port, ca: real.ca.certificate, servername: 'localhost' });
        socket.on('error', reject).on('secureConnect', () => {
          resolve(socket.getPeerX509Certificate()?.serialNumber);
          socket.destroy();
        });
      });
    const before = await shown();
    await real.renew();
    expect(await shown()).not.toBe(before);
    (await agent.connect(silent, never)).close();
    expect(real.linkSockets.map(({ reused }) => reused)).toEqual([false, true]);
  });

  test('a port that is taken is named', async () => {
    const real = await start();
    await expect(startRealPort({ at: real.address.port })).rejects.toThrow(`listen on 127.0.0.1:${real.address.port}`);
  });
});

async function dial(real: RealPort, identity: NodeIdentity | undefined, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: real.address.port,
    rejectUnauthorized: false,
    ALPNProtocols: ['mqtt'],
    ...(identity === undefined ? {} : { key: identity.key, cert: identity.certificate }),
    ...options,
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => void socket.once('secureConnect', resolve));
  return socket;
}

async function ended(socket: Socket, what: string): Promise<void> {
  socket.resume();
  await eventually(() => socket.destroyed || socket.readableEnded, `${what}: the server ends it`, 4_000);
  socket.destroy();
}

async function noTls(real: RealPort): Promise<void> {
  const socket = connectTcp({ host: '127.0.0.1', port: real.address.port });
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await ended(socket, 'no TLS');
}

async function exchange(real: RealPort, text: string): Promise<string> {
  const socket = await dial(real, await real.identity('n1'), { ALPNProtocols: ['http/1.1'] });
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.write(text);
  await eventually(() => answer.includes('\r\n\r\n'), text.slice(0, 40));
  socket.destroy();
  return answer;
}

function get(real: RealPort, identity: NodeIdentity | undefined, agent: Agent | false = false): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: real.address.port, rejectUnauthorized: false, agent };
    request({ ...options, ...(identity === undefined ? {} : { key: identity.key, cert: identity.certificate }) }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
    })
      .on('error', reject)
      .end();
  });
}
