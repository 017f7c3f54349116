import { expect, test } from 'vitest';
import { capacity, count, duration, hostPort, httpsUrl, ipAddress, keepalive, labels, tlsSans, unixSocket } from './flags.ts';

function checkRefused(parse: (text: string) => unknown, ...texts: readonly string[]): void {
  for (const text of texts) expect(() => parse(text), text).toThrow();
}

test('durations', () => {
  expect(['30s', '5m', '24h', '1h30m', '500ms', '1.5s'].map(duration)).toEqual([
    30_000, 300_000, 86_400_000, 5_400_000, 500, 1500,
  ]);
  checkRefused(duration, '', '30', 's', '5 m', '5m!', '-5m');
});

test('keepalives and addresses', () => {
  expect(['1s', '240s', '1h'].map(keepalive)).toEqual([1_000, 240_000, 3_600_000]);
  checkRefused(keepalive, '0s', '500ms', '61m', '30');
  expect(['192.0.2.7', '2001:db8::7'].map(ipAddress)).toEqual(['192.0.2.7', '2001:db8::7']);
  checkRefused(ipAddress, '', 'host', '192.0.2.7/24', '192.0.2');
});

test('names for a certificate', () => {
  expect(tlsSans('Api.example.com,203.0.113.7', ['a'])).toEqual(['a', 'api.example.com', '203.0.113.7']);
  expect(tlsSans('*.edge.example,2001:DB8:0::1,2001:db8::1')).toEqual(['*.edge.example', '2001:db8::1']);
  checkRefused(tlsSans, '', 'a,', 'a b', 'a..b', 'https://a', 'a:6443', '10.0.0.0/8', '10.0.0.999', '*', 'a.*.b', 'a.', '-a');
  checkRefused(tlsSans, Array.from({ length: 101 }, (_, index) => `n${index}`).join(','));
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

test('labels and capacity', () => {
  expect(labels('a=b,example.com/c=')).toEqual({ a: 'b', 'example.com/c': '' });
  checkRefused(labels, 'a', '=b', 'a=b,', 'a b=c', 'a=b c', 'a=d=e', '/a=b', `a=${'x'.repeat(64)}`);
  expect(capacity('cpu=2,memory=1Gi')).toEqual({ cpu: '2', memory: '1Gi' });
  checkRefused(capacity, 'gpu=1', 'cpu=abc', 'cpu=', 'memory=-1Gi', 'memory=1GB', 'pods', 'pods=1.5');
});

test('urls and sockets', () => {
  expect(['https://a:6443/', 'https://a', 'https://a:443'].map(httpsUrl)).toEqual([
    'https://a:6443',
    'https://a',
    'https://a:443',
  ]);
  checkRefused(httpsUrl, 'http://a', 'a:6443', 'https://u:p@a:6443', 'https://a:6443?x', 'https://a:6443/#x');
  expect(() => httpsUrl('https://h:1/foo')).toThrow('no path (/foo): use https://h:1');
  expect(unixSocket('unix:///run/docker.sock')).toBe('/run/docker.sock');
  checkRefused(unixSocket, '/run/docker.sock', 'tcp://x');
});
