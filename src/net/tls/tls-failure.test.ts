import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../lib/clock.ts';
import { explain } from '../../lib/error.ts';
import { connectTls } from './dial.ts';

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
