import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, test } from 'vitest';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { question, told } from '../../../test/support/dns-message.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createDnsServer } from './dns-server.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function bound(port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  endings.push(() => socket.close());
  return socket;
}

test('its datagrams are its own again as soon as it finds that another program gets them', async () => {
  const clock = manualClock();
  const probe = await bound(0);
  const { port } = probe.address();
  const why: (string | undefined)[] = [];
  const server = createDnsServer({
    address: '127.0.0.1',
    udpPort: port,
    tcpPort: port,
    ensureAddress: () => Promise.resolve(),
    onResolvers: () => undefined,
    onListening: (heard) => why.push(heard),
    onOverdrawn: () => undefined,
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  endings.push(server.stop);
  server.serve({
    zones: [{ name: 'c.test' }],
    groups: [[{ name: 'web.c.test', type: 'A', address: '10.96.0.1' }]],
  });
  await server.start();
  expect(why).toEqual([undefined]);
  // It binds last, and so has them.
  await bound(port);
  await eventually(async () => {
    await clock.advance(500);
    return why.length > 1;
  }, 'it finds out');
  expect(why.at(-1)).toContain('another program takes it');
  const client = await bound(0);
  const answer = new Promise<string>((resolve) => client.once('message', (message) => resolve(told(message))));
  client.send(question('web.c.test'), port, '127.0.0.1');
  // Time stands still: it waits for no next try.
  expect(await answer).toBe('NOERROR aa; A 10.96.0.1 5');
});
