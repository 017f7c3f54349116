import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import { parseProxy, proxyFor, proxySetting, shownProxy, type Proxy } from './proxy.ts';

test.each<[string, Proxy]>([
  ['http://p.example:3128', { host: 'p.example', port: 3128, isTls: false }],
  ['p.example:3128', { host: 'p.example', port: 3128, isTls: false }],
  ['http://p', { host: 'p', port: 80, isTls: false }],
  ['https://p', { host: 'p', port: 443, isTls: true }],
  ['http://me:s%40x@[fd00::1]', { host: 'fd00::1', port: 80, isTls: false, login: 'me:s@x' }],
])('%s', (text, expected) => expect(parseProxy(text, 'X')).toEqual(expected));

test.each([
  ['socks5://me:s3cret@p:1', /the proxy of X: it is socks5:\/\//],
  ['http://', /it is no URL/],
  ['http:/p:1', /it is no URL|path/],
  ['http://me:s3cret/x@p:1', /./],
  ['http://me@p:1/s3cret', /it has a path \(in a password/],
  ['http://p:1?s3cret', /it has a path/],
  ['http://p:0', /its port is 0/],
  ['http://100%:s3cret@p:1', /not percent-encoded/],
])('%s is none, which is told without a password', (text, why) => {
  expect(() => parseProxy(text, 'X')).toThrow(why);
  expect(() => parseProxy(text, 'X')).not.toThrow(/s3cret/);
});

test('it is told without its login', () => {
  expect(shownProxy(parseProxy('http://me:s3cret@p:3128', 'X'))).toBe('p:3128');
  expect(shownProxy(parseProxy('http://[fd00::1]:3128', 'X'))).toBe('[fd00::1]:3128');
  expect(proxySetting(parseProxy('https://me:s3cret@p:3128', 'X'))).toBe('https://USER:PASSWORD@p:3128');
  expect(proxySetting(parseProxy('p', 'X'))).toBe('http://p:80');
});

const P = { host: 'p', port: 1, isTls: false };
const HUB = { host: 'hub.example.com', port: 6443 };

test.each<[Record<string, string>, { host: string; port: number }, Proxy | undefined]>([
  [{}, HUB, undefined],
  [{ HTTPS_PROXY: 'http://p:1' }, HUB, P],
  [{ https_proxy: 'p:1' }, HUB, P],
  [{ HTTP_PROXY: 'p:1', ALL_PROXY: 'p:1' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '' }, HUB, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '*' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'other, example.com' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', no_proxy: 'other .example.com' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '*.example.com' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'Hub.Example.com' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '.hub.example.com' }, HUB, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'ample.com' }, HUB, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'example.com:443' }, HUB, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'example.com:6443' }, HUB, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '10.0.0.0/8' }, { host: '10.1.2.3', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '10.0.0.0/8' }, { host: '11.1.2.3', port: 1 }, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '10.1.2.3:2' }, { host: '10.1.2.3', port: 1 }, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'fd00::1' }, { host: 'fd00::1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '[fd00::1]:1' }, { host: 'fd00::1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'fd00:0:0::1' }, { host: 'fd00::1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '*example.com' }, HUB, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'bücher.example' }, { host: 'xn--bcher-kva.example', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '*.bücher.example' }, { host: 'hub.xn--bcher-kva.example', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '::a00:1' }, { host: '10.0.0.1', port: 1 }, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: ',,' }, { host: 'hub.example.', port: 1 }, P],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: '10.0.0.1' }, { host: '::ffff:10.0.0.1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1' }, { host: '::ffff:127.0.0.1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1', NO_PROXY: 'fd00::/8' }, { host: 'fd00::1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1' }, { host: '127.0.0.2', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1' }, { host: '::1', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1' }, { host: 'localhost', port: 1 }, undefined],
  [{ HTTPS_PROXY: 'p:1' }, { host: '127.example.com', port: 1 }, P],
])('with %o to %o by %o', (environment, server, expected) => expect(proxyFor(environment, server)).toEqual(expected));

test('whatever stands in the environment: a proxy, none, or a word on it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, other) => {
      try {
        proxyFor({ HTTPS_PROXY: `http://${text}@${other}`, NO_PROXY: other }, { host: text, port: 1 });
      } catch (error) {
        if (!hasCode(error, 'Usage')) throw error;
      }
    }),
  );
});
