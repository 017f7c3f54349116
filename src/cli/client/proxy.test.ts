import { expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { startApiWorld } from '../../../test/support/api-world.ts';
import { startConnectProxy } from '../../../test/support/connect-proxy.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { createApiClient } from './api-client.ts';
import { proxyTo } from './proxy.ts';

const S = 'https://board.example';
const P = { host: 'p', port: 1, isTls: false };

test.each([
  [S, undefined, {}, undefined],
  [S, { ...P, host: 'named' }, { HTTPS_PROXY: 'http://p:1' }, { ...P, host: 'named' }],
  [S, undefined, { HTTPS_PROXY: 'http://p:1' }, P],
  [S, undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'board.example:443' }, undefined],
  ['https://[fd00::1]:6443', undefined, { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'fd00::1' }, undefined],
  ['http://a:1', undefined, { HTTPS_PROXY: 'http://p:1' }, undefined],
])('%s with %s and %o is reached by %o', (server, named, environment, expected) => {
  expect(proxyTo(server, named, environment)).toEqual(expected);
});

test('only what can be done is tried', () => {
  expect(() => proxyTo('http://a:1', { ...P, login: 'me:s3cret' }, {})).toThrow(
    'reach http://a:1 by the proxy p:1: only https servers can be proxied',
  );
  expect(() => proxyTo(S, undefined, { HTTPS_PROXY: 'socks5://p:1' })).toThrow('it is socks5://');
});

test('a proxy is asked to connect, with its user; what it refuses is told', async () => {
  const world = await startApiWorld();
  const { proxy, asked, stop } = await startConnectProxy({ login: 'a:b' });
  const outside = { environment: {}, clock: systemClock, stderr: () => undefined, interactive: () => false };
  const { login: _login, ...stranger } = proxy;
  const through = (login: Pick<Proxy, 'login'>) =>
    createApiClient(
      {
        // No TLS there: that the connection reached it is all that can be seen, and enough.
        server: world.url.replace('http:', 'https:'),
        namespace: 'default',
        insecure: false,
        proxy: { ...stranger, ...login },
        credentials: {},
        impersonation: {},
      },
      outside,
    ).send('GET', '/api');
  await expect(through({})).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    cause: expect.objectContaining({ message: expect.stringContaining('it answers HTTP 407 Who Are You; it wants a user') }),
  });
  await expect(through({ login: 'a:b' })).rejects.toMatchObject({
    // It came as far as a port without TLS.
    cause: expect.objectContaining({ message: expect.stringContaining('no TLS there') }),
  });
  expect(asked[1]).toBe(`${new URL(world.url).host} a:b`);
  await stop();
  await world.stop();
});
