import { expect, test } from 'vitest';
import { capacity, count, duration, hostPort, httpsUrl, pairs, unixSocket } from './flags.ts';

function checkRefused(parse: (text: string) => unknown, ...texts: readonly string[]): void {
  for (const text of texts) expect(() => parse(text), text).toThrow();
}

test('durations', () => {
  expect(['30s', '5m', '24h', '1h30m', '500ms', '1.5s'].map(duration)).toEqual([
    30_000, 300_000, 86_400_000, 5_400_000, 500, 1500,
  ]);
  checkRefused(duration, '', '30', 's', '5 m', '5m!', '-5m');
});

test('counts', () => {
  expect(count('3')).toBe(3);
  checkRefused(count, '0', '-1', '1.5', 'x', '');
});

test('listen addresses', () => {
  expect(hostPort('0.0.0.0:6443')).toEqual({ host: '0.0.0.0', port: 6443 });
  expect(hostPort(':1')).toEqual({ host: '0.0.0.0', port: 1 });
  expect(hostPort('[::1]:6443')).toEqual({ host: '::1', port: 6443 });
  checkRefused(hostPort, 'x', 'x:', 'x:70000', '::1:6443');
});

test('pairs and capacity', () => {
  expect(pairs('a=b,c=d=e')).toEqual({ a: 'b', c: 'd=e' });
  checkRefused(pairs, 'a', '=b', 'a=b,');
  expect(capacity('cpu=2,memory=1Gi')).toEqual({ cpu: '2', memory: '1Gi' });
  checkRefused(capacity, 'gpu=1');
});

test('urls and sockets', () => {
  expect(httpsUrl('https://a:6443/')).toBe('https://a:6443');
  checkRefused(httpsUrl, 'http://a', 'a:6443');
  expect(unixSocket('unix:///run/docker.sock')).toBe('/run/docker.sock');
  checkRefused(unixSocket, '/run/docker.sock', 'tcp://x');
});
