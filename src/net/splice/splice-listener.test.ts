import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { startConnectProxy } from '../../../test/support/connect-proxy.ts';
import { eventually } from '../../../test/support/eventually.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { newKey } from '../tls/certificates.ts';
import { connectTls, createDialer } from '../tls/dial.ts';
import { selfSignedCertificate } from '../tls/node-certificate.ts';
import { CONNECTIONS_EACH_MAX, createSpliceListener, type SpliceListener } from './splice-listener.ts';

const ADDRESS = '127.0.0.1';
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** What stands at the far end. */
async function far(take: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    take(socket);
  }).listen(0, ADDRESS);
  await once(server, 'listening');
  endings.push(() => server.close());
  return portOf(server);
}

const portOf = (server: Server) => (server.address() as AddressInfo).port; // It listens at a TCP port.

async function freePort(): Promise<number> {
  const server = createServer().listen(0, ADDRESS);
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function listenerTo(farPort: number, failed: (error: unknown) => void = () => undefined, proxy?: Proxy) {
  const target = { host: ADDRESS, port: farPort, proxy, key: '', certificate: '', pins: [] };
  const port = await freePort();
  const listener: SpliceListener = createSpliceListener({
    address: ADDRESS,
    port,
    dial: createDialer(target, systemClock).dialPlain,
    keepaliveMs: 30_000,
    failed,
    clock: systemClock,
  });
  endings.push(listener.close);
  return { listener, port };
}

function client(port: number, localAddress = ADDRESS): Socket {
  const socket = connect({ host: ADDRESS, port, localAddress, allowHalfOpen: true });
  endings.push(() => socket.destroy());
  return socket;
}

const errorOf = async (socket: Socket) => {
  const [error] = (await once(socket, 'error')) as readonly unknown[];
  return (error as NodeJS.ErrnoException).code; // Of a socket.
};

test.each(['straight', 'through a proxy'])(
  'bytes go both ways, each end in good order, and what is not read is not sent: %s',
  async (way) => {
    const through = way === 'straight' ? undefined : await startConnectProxy();
    if (through !== undefined) endings.push(() => void through.stop());
    let read = 0;
    let began: (socket: Socket) => void = () => undefined;
    const taken = new Promise<Socket>((resolve) => {
      began = resolve;
    });
    const { listener, port } = await listenerTo(await far((socket) => began(socket)), undefined, through?.proxy);
    await listener.open();
    await listener.open();
    const socket = client(port);
    const bytes = Buffer.alloc(32 * 1024 * 1024, 'x');
    socket.end(bytes);
    const other = await taken;
    // Nobody reads: what the kernel and two streams hold is all that leaves.
    expect(socket.writableFinished).toBe(false);
    other.on('data', (chunk: Buffer) => (read += chunk.length));
    await once(other, 'end');
    expect(read).toBe(bytes.length);
    // The one has ended, the other goes on.
    other.end('the answer');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toBe('the answer');
  },
);

test('closed it refuses at once, and resets who was there', async () => {
  const { listener, port } = await listenerTo(await far((socket) => socket.write('hello')));
  expect(await errorOf(client(port))).toBe('ECONNREFUSED');
  await listener.open();
  const socket = client(port);
  await once(socket, 'data');
  const reset = errorOf(socket);
  listener.close();
  expect(await reset).toBe('ECONNRESET');
  expect(await errorOf(client(port))).toBe('ECONNREFUSED');
  await listener.open();
  await once(client(port), 'data');
});

test('a server that cannot be reached resets who asked for it, and says why', async () => {
  const told: unknown[] = [];
  const { listener, port } = await listenerTo(await freePort(), (error) => told.push(error));
  await listener.open();
  expect(await errorOf(client(port))).toBe('ECONNRESET');
  expect(String(told[0])).toMatch(/connect to 127\.0\.0\.1:/);
});

test('a reset of one side reaches the other', async () => {
  const { listener, port } = await listenerTo(
    await far((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    }),
  );
  await listener.open();
  const socket = client(port);
  socket.write('x');
  expect(await errorOf(socket)).toBe('ECONNRESET');
});

test('a client that holds all that one may is reset, and takes nothing from others', async () => {
  const { listener, port } = await listenerTo(await far((socket) => socket.write('hello')));
  await listener.open();
  const held: Socket[] = [];
  for (let count = 0; count < CONNECTIONS_EACH_MAX; count += 1) {
    held.push(client(port));
    await once(held.at(-1) ?? client(port), 'data');
  }
  expect(await errorOf(client(port))).toBe('ECONNRESET');
  await once(client(port, '127.0.0.2'), 'data');
  held[0]?.resetAndDestroy();
  await eventually(() => once(client(port), 'data').catch(() => undefined), 'its place is free again');
});

test('through a proxy that speaks TLS itself what a client cuts off ends, and takes nothing with it', async () => {
  const key = newKey();
  const certificate = selfSignedCertificate('proxy', key, systemIds);
  const ended: string[] = [];
  const secure = createTlsServer({ key, cert: certificate }, (socket) => {
    socket.on('error', () => undefined).on('close', () => ended.push('the far one'));
    socket.write('hello');
    socket.resume();
  }).listen(0, ADDRESS);
  await once(secure, 'listening');
  endings.push(() => secure.close());
  const to = { host: ADDRESS, port: portOf(secure), alpn: 'http/1.1', clock: systemClock };
  const port = await freePort();
  const listener = createSpliceListener({
    address: ADDRESS,
    port,
    dial: (timeoutMs, signal) => connectTls({ ...to, timeoutMs }, signal),
    keepaliveMs: 30_000,
    failed: () => undefined,
    clock: systemClock,
  });
  endings.push(listener.close);
  await listener.open();
  const socket = client(port);
  await once(socket, 'data');
  socket.resetAndDestroy();
  await eventually(() => ended.length === 1 || undefined, 'it has ended');
  await once(client(port), 'data');
});
