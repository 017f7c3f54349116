import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { systemIds } from '#lib/ids.ts';
import { startConnectProxy, type ConnectProxyOptions } from '../../../test/support/connect-proxy.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { createCa, issueServerCertificate, newKey } from '../tls/certificates.ts';
import { connectTls } from '../tls/dial.ts';
import { connectThrough } from './connect-through.ts';
import { shownProxy } from './proxy.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

const never = new AbortController().signal;
const portOf = (server: Server) => (server.address() as AddressInfo).port; // It listens at a TCP port.

/** What stands behind the proxy. */
async function target(take: (socket: Socket) => void): Promise<{ readonly host: string; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => take(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => server.close());
  return { host: '127.0.0.1', port: portOf(server) };
}

async function proxyWith(options?: ConnectProxyOptions) {
  const proxy = await startConnectProxy(options);
  endings.push(proxy.stop);
  return proxy;
}

const waiting = { timeoutMs: 5_000, clock: systemClock };

test('bytes go both ways, also those that come with the answer, and each side ends in good order', async () => {
  const { proxy, asked, open } = await proxyWith({ login: 'me:s@x' });
  const { host, port } = await target((socket) => {
    socket.write('hello ');
    socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end(' bye'));
  });
  const socket = await connectThrough(proxy, { host, port, ...waiting }, never);
  expect(asked).toEqual([`127.0.0.1:${port} me:s@x`]);
  socket.end('there');
  let heard = '';
  for await (const chunk of socket) heard += String(chunk);
  expect(heard).toBe('hello there bye');
  await eventually(() => open() === 0 || undefined, 'nothing is left open');
});

test.each<[string, ConnectProxyOptions, RegExp]>([
  ['one that wants a login', { login: 'me:pass' }, /it answers HTTP 407 Who Are You; it wants a user and a password/],
  ['one that says nothing', { silent: true }, /no answer within 200 ms/],
])('%s is told, and nothing is left open', async (_, options, why) => {
  const { proxy, open } = await proxyWith(options);
  const { host, port } = await target(() => undefined);
  const { login: _login, ...stranger } = proxy;
  const told = await connectThrough(stranger, { host, port, ...waiting, timeoutMs: 200 }, never).catch(explain);
  expect(told).toMatch(`connect to ${host}:${port} through the proxy ${shownProxy(proxy)}: `);
  expect(told).toMatch(why);
  await eventually(() => open() === 0 || undefined, 'nothing is left open');
});

test('a server that is not there, a proxy that is not, and what is none', async () => {
  const { proxy } = await proxyWith();
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const port = portOf(gone);
  gone.close();
  const through = (by: typeof proxy) => connectThrough(by, { host: '127.0.0.1', port, ...waiting }, never).catch(explain);
  expect(await through(proxy)).toMatch(/it answers HTTP 502 Not There/);
  expect(await through({ ...proxy, port })).toMatch(/ECONNREFUSED/);
  const echo = await target((socket) => socket.end('SSH-2.0-x\r\n'));
  expect(await through({ ...proxy, port: echo.port })).toMatch(/Parse Error/);
});

test('it can be stopped while the proxy says nothing', async () => {
  const { proxy, asked, open } = await proxyWith({ silent: true });
  const stop = new AbortController();
  const connecting = connectThrough(proxy, { host: '127.0.0.1', port: 1, ...waiting }, stop.signal);
  connecting.catch(() => undefined);
  await eventually(() => asked.length === 1 || undefined, 'the proxy was asked');
  stop.abort();
  await expect(connecting).rejects.toMatchObject({ code: 'Aborted' });
  await eventually(() => open() === 0 || undefined, 'nothing is left open');
  await expect(connectThrough(proxy, { host: '127.0.0.1', port: 1, ...waiting }, stop.signal)).rejects.toMatchObject({
    code: 'Aborted',
  });
});

test('a proxy that speaks TLS itself: by its certificate, from whom this machine trusts', async () => {
  const making = () => ({ nowMs: systemClock.now(), ids: systemIds });
  const [caKey, key] = [newKey(), newKey()];
  const ca = { key: caKey, certificate: await createCa('proxy-ca', caKey, making()) };
  const { proxy } = await proxyWith({ tls: { key, cert: await issueServerCertificate(ca, key, ['127.0.0.1'], making()) } });
  const server = createTlsServer({ key: caKey, cert: ca.certificate }, (socket) => {
    socket.on('error', () => undefined).on('data', (chunk) => socket.end(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => server.close());
  const [host, port] = ['127.0.0.1', portOf(server)];
  const told = await connectThrough(proxy, { host, port, ...waiting }, never).catch(explain);
  expect(told).toMatch(/unable to verify|self-signed/);

  // Node reads whom else it trusts when it starts. Within it, TLS is spoken with the server as well.
  const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
  endings.push(() => rmSync(folder, { recursive: true }));
  const trusted = join(folder, 'ca.crt');
  writeFileSync(trusted, ca.certificate);
  const script = `
    const { connectTls } = await import('#net/tls/dial.ts');
    const { systemClock } = await import('#lib/clock.ts');
    const target = { host: '${host}', port: ${port}, proxy: ${JSON.stringify(proxy)}, alpn: 'x', timeoutMs: 5000, clock: systemClock };
    const socket = await connectTls(target, new AbortController().signal);
    socket.pipe(process.stdout);
    socket.write('hello');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: trusted },
  });
  expect(stdout).toBe('hello');
});

test('what fails behind the proxy says so, in the time that there was for all of it, and leaves nothing open', async () => {
  const { proxy, open } = await proxyWith();
  const { host, port } = await target((socket) => socket.on('end', () => socket.end()).resume());
  const to = { host, port, proxy, alpn: 'x', timeoutMs: 300, clock: systemClock };
  const where = `connect to ${host}:${port} through the proxy ${shownProxy(proxy)}`;
  const startMs = performance.now();
  expect(await connectTls(to, never).catch(explain)).toBe(`${where}: no answer within 300 ms`);
  expect(performance.now() - startMs).toBeLessThan(2_000);
  await eventually(() => open() === 0 || undefined, 'nothing is left open');
  await expect(connectTls({ ...to, key: 'broken' }, never)).rejects.toThrow();
  await eventually(() => open() === 0 || undefined, 'nothing is left open after a broken key');
  const { proxy: _, ...straight } = to;
  expect(await connectTls(straight, never).catch(explain)).toBe(`connect to ${host}:${port}: no answer within 300 ms`);
});
