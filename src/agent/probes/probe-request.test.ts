import { expect, test } from 'vitest';
import type { Container, Probe } from '#api/generated/types.ts';
import { probeRequest } from './probe-request.ts';

const APP: Container = {
  name: 'app',
  env: [
    { name: 'FILE', value: '/up' },
    { name: 'OTHER', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ],
  ports: [{ containerPort: 8080, name: 'web' }],
};

function checkRequest(probe: Probe, expected: object, address: string | undefined = '10.32.0.1'): void {
  expect(probeRequest(probe, APP, address)).toEqual(expected);
}

test('what a try is to do', () => {
  checkRequest(
    { exec: { command: ['cat', '$(FILE)', '$(OTHER)', '$$(FILE)'] } },
    { type: 'exec', command: ['cat', '/up', '$(OTHER)', '$(FILE)'] },
  );
  const http = { type: 'http', scheme: 'http', host: '10.32.0.1', port: 8080, path: '/', headers: [] };
  checkRequest({ httpGet: { port: 'web' } }, http);
  checkRequest(
    { httpGet: { port: 81, path: 'a b?x=1#y', scheme: 'HTTPS', host: 'x.lan', httpHeaders: [{ name: 'A', value: 'b' }] } },
    {
      type: 'http',
      scheme: 'https',
      host: 'x.lan',
      port: 81,
      path: '/a%20b?x=1',
      headers: [{ name: 'A', value: 'b' }],
    },
  );
  checkRequest({ httpGet: { port: '81', path: '/\r\nX: y\ud800' } }, { ...http, port: 81, path: '/%0D%0AX:%20y%EF%BF%BD' });
  checkRequest({ tcpSocket: { port: 'web', host: '127.0.0.1' } }, { type: 'tcp', host: '127.0.0.1', port: 8080 });
  checkRequest({ grpc: { port: 9, service: 'x' } }, { type: 'grpc', host: '10.32.0.1', port: 9, service: 'x' });
});

test('what can not be tried says why', () => {
  const impossible = (message: string) => ({ type: 'impossible', message });
  checkRequest({ httpGet: { port: 'admin' } }, impossible(`couldn't find port named "admin"`));
  checkRequest({ tcpSocket: { port: '99999' } }, impossible('invalid port number: 99999'));
  expect(probeRequest({ tcpSocket: { port: 80 } }, APP, undefined)).toEqual(impossible('the pod has no address'));
  checkRequest({}, impossible('it names no handler that is known'));
});
