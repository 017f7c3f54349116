import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { startApiWorld } from '../../../test/support/api-world.ts';
import { createApiClient } from './api-client.ts';
import { proxyFor } from './proxy.ts';

const S = 'https://board.example:6443';

test.each([
  [S, undefined, {}, undefined],
  [S, 'http://named:1', { HTTPS_PROXY: 'http://p:1' }, 'http://named:1'],
  [S, undefined, { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
  [S, undefined, { https_proxy: 'p:1' }, 'http://p:1'],
  [S, undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a, .example' }, undefined],
  [S, undefined, { HTTPS_PROXY: 'http://p:1', no_proxy: 'example:443' }, 'http://p:1'],
  [S, undefined, { HTTPS_PROXY: 'http://p:1', no_proxy: 'board.example:6443' }, undefined],
  [S, undefined, { HTTPS_PROXY: 'http://p:1', no_proxy: '*' }, undefined],
  ['https://10.1.2.3:1', undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.1.0.0/16' }, undefined],
  ['https://10.2.2.3:1', undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.1.0.0/16' }, 'http://p:1'],
  ['https://127.0.0.1:1', undefined, { HTTPS_PROXY: 'http://p:1' }, undefined],
  ['http://a:1', undefined, { HTTPS_PROXY: 'http://p:1' }, undefined],
])('%s with %s and %o is reached by %s', (server, named, environment, expected) => {
  expect(proxyFor(server, named, environment)).toBe(expected);
});

test('only what can be done is tried', () => {
  expect(() => proxyFor('http://a:1', 'http://p:1', {})).toThrow('only https servers can be proxied');
  expect(() => proxyFor(S, undefined, { HTTPS_PROXY: 'socks5://p:1' })).toThrow('only http and https proxies');
});

const asked: string[] = [];
const proxy = createServer().on('connect', (request, socket) => {
  asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
  if (request.headers['proxy-authorization'] === undefined) return void socket.end('HTTP/1.1 407 No\r\n\r\n');
  const [host = '', port = ''] = (request.url ?? '').split(':');
  const there = connect(Number(port), host, () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    there.pipe(socket).pipe(there);
  });
  there.on('error', () => void socket.destroy());
});
await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
afterAll(() => void proxy.close());

test('a proxy is asked to connect, with its user; what it refuses is told', async () => {
  const world = await startApiWorld();
  const { port } = proxy.address() as AddressInfo;
  const outside = { environment: {}, clock: systemClock, stderr: () => undefined, interactive: () => false };
  const through = (login: string) =>
    createApiClient(
      {
        // No TLS there: that the connection reached it is all that can be seen, and enough.
        server: world.url.replace('http:', 'https:'),
        namespace: 'default',
        insecure: false,
        proxy: `http://${login}127.0.0.1:${port}`,
        credentials: {},
        impersonation: {},
      },
      outside,
    ).send('GET', '/api');
  await expect(through('')).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    cause: expect.objectContaining({ message: 'it answered 407' }),
  });
  await expect(through('a:b@')).rejects.toMatchObject({
    // It came as far as a port without TLS.
    cause: expect.objectContaining({ message: expect.stringContaining('no TLS there') }),
  });
  expect(asked[1]).toBe(`${new URL(world.url).host} Basic ${Buffer.from('a:b').toString('base64')}`);
  await world.stop();
});
