import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../lib/clock.ts';
import { explain } from '../../lib/error.ts';
import { connectTls } from './dial.ts';
import { tlsFailure } from './tls-failure.ts';

test('a port that speaks no TLS is told as that', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // Sound: it listens on TCP.
  const { port } = server.address() as AddressInfo;
  const target = { host: '127.0.0.1', port, alpn: 'mqtt', timeoutMs: 5_000, clock };
  const told = await connectTls(target, new AbortController().signal).catch(explain);
  expect(told).toBe(`connect to 127.0.0.1:${port}: no TLS there; is the port right?`);
  server.close();
});

test('a certificate that is not yet or no longer valid is told with the clock of this machine, and nothing else is', () => {
  // As Node's TLS has them.
  const check = (code: string, message: string, expected: string) =>
    expect(tlsFailure(Object.assign(new Error(message), { code }), 0).message).toBe(expected);
  const clock = 'by the clock of this machine, which says 1970-01-01T00:00:00Z: set it, if that is wrong';
  check('CERT_NOT_YET_VALID', 'certificate is not yet valid', `certificate is not yet valid, ${clock}`);
  check('CERT_HAS_EXPIRED', 'certificate has expired', `certificate has expired, ${clock}`);
  check('ECONNRESET', 'read ECONNRESET', 'read ECONNRESET');
});
