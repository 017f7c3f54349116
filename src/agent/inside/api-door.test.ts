import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { createDialer } from '#net/tls/dial.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../../test/support/memory-ledger.ts';
import { TELL_AFTER_MS } from '../node-trouble.ts';
import { createApiDoor } from './api-door.ts';

const ADDRESS = '127.0.0.1';
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** What stands for the server of the API: it greets. */
async function serverAt(port: number): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('here');
  }).listen(port, ADDRESS);
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  endings.push(stop);
  return { port: (server.address() as AddressInfo).port, stop }; // It listens at a TCP port.
}

/** `here`, or the code of why not. */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: ADDRESS, port });
    socket.on('data', (data: Buffer) => resolve(data.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

test('open while the link is up; shut where the server is not reached, until it is', async () => {
  const first = await serverAt(0);
  const free = await serverAt(0);
  await free.stop();
  let isLinkUp = false;
  const target = { host: ADDRESS, port: first.port, key: '', certificate: '', pins: [] };
  const door = createApiDoor({
    node: 'edge-1',
    ledger: createMemoryLedger(),
    dialer: createDialer(target, systemClock),
    isLinkUp: () => isLinkUp,
    keepaliveMs: 30_000,
    address: ADDRESS,
    port: free.port,
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
  });
  endings.push(door.stop);
  const answers = (expected: string) => expect.poll(() => ask(free.port), { timeout: 15_000 }).toBe(expected);
  door.start();
  await answers('ECONNREFUSED');
  isLinkUp = true;
  door.look();
  await answers('here');
  // The link has not noticed yet: the first is cut, those after it are refused.
  await first.stop();
  expect(await ask(free.port)).toBe('ECONNRESET');
  expect(await ask(free.port)).toBe('ECONNREFUSED');
  await serverAt(first.port);
  await answers('here');
  isLinkUp = false;
  door.look();
  expect(await ask(free.port)).toBe('ECONNREFUSED');
});

test('a port that is taken is told once it lasts, and the door opens by itself when it is free', async () => {
  const server = await serverAt(0);
  const other = await serverAt(0);
  const target = { host: ADDRESS, port: server.port, key: '', certificate: '', pins: [] };
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const door = createApiDoor({
    node: 'edge-1',
    ledger,
    dialer: createDialer(target, clock),
    isLinkUp: () => true,
    keepaliveMs: 30_000,
    address: ADDRESS,
    port: other.port,
    clock,
    ids: systemIds,
    log: silentLog,
  });
  endings.push(door.stop);
  const told = () => ledger.reports.flatMap((report) => (report.class === 'event' ? [report.body] : []));
  door.start();
  await eventually(async () => {
    await clock.advance(TELL_AFTER_MS / 10);
    return told().length > 0;
  }, 'the event');
  expect(told()).toMatchObject([{ involved: { kind: 'Node', name: 'edge-1' }, type: 'Warning', reason: 'ApiForPodsFailed' }]);
  expect(told()[0]?.message).toMatch(/kubernetes\.default\.svc.*EADDRINUSE.*ss -lntp/);
  await other.stop();
  await eventually(async () => {
    await clock.advance(1_000);
    return told().length > 1;
  }, 'the event of its end');
  expect(told()[1]).toMatchObject({ type: 'Normal', reason: 'ApiForPodsReady' });
  expect(await ask(other.port)).toBe('here');
});
