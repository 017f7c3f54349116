import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { seededIds } from '../../src/lib/ids.ts';
import { createLinkPair } from './link-pair.ts';
import { manualClock } from './manual-clock.ts';
import { transportContract } from './transport-contract.ts';

const KEEPALIVE_MS = 300;

transportContract('the in-process pair', () => {
  const { server, agent, faults } = createLinkPair({ clock: systemClock, ids: seededIds(1), keepaliveMs: KEEPALIVE_MS });
  return Promise.resolve({ server, agent, ...faults, keepaliveMs: KEEPALIVE_MS, stop: () => server.stop() });
});

test('delays keep the order, drops lose without a word, and a healed hole gives what was kept', async () => {
  const clock = manualClock();
  const { server, agent, faults } = createLinkPair({ clock, ids: seededIds(7), keepaliveMs: 30_000 });
  const got: string[] = [];
  server.start({
    connected: () => {},
    disconnected: (node) => got.push(`lost ${node}`),
    seen: () => {},
    message: (_, __, payload) => got.push(Buffer.from(payload).toString()),
  });
  faults.delay(10, 500);
  const attempt = agent('a').connect({ message: () => {}, closed: () => {} }, new AbortController().signal);
  await clock.advance(1_000);
  const connection = await attempt;
  for (let i = 0; i < 50; i += 1) connection.send('st', Buffer.from(String(i)));
  await clock.advance(600);
  expect(got).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));

  faults.blackHole('a');
  expect(connection.send('st', Buffer.from('kept'))).toBe('sent');
  await clock.advance(20_000);
  expect(got.at(-1)).toBe('49');
  faults.heal('a');
  await clock.advance(1_000);
  expect(got.at(-1)).toBe('kept');

  faults.drop(1);
  expect(connection.send('st', Buffer.from('dropped'))).toBe('sent');
  await clock.advance(1_000);
  expect(got.at(-1)).toBe('kept');

  faults.blackHole('a');
  await clock.advance(45_000);
  expect(got.at(-1)).toBe('lost a');
});

test('a node that vanishes is missed when the keepalive is over, or when it is back', async () => {
  const clock = manualClock();
  const { server, agent, faults } = createLinkPair({ clock, ids: seededIds(7), keepaliveMs: 30_000 });
  const got: string[] = [];
  server.start({
    connected: (node) => got.push(`got ${node}`),
    disconnected: (node) => got.push(`lost ${node}`),
    seen: () => {},
    message: (_, kind) => got.push(kind),
  });
  const connect = async () => {
    const attempt = agent('a').connect({ message: () => {}, closed: () => {} }, new AbortController().signal);
    await clock.advance(1_000);
    return await attempt;
  };
  const first = await connect();
  faults.vanish('a');
  expect(first.send('st', Buffer.from('x'))).toBe('offline');
  first.close();
  await clock.advance(40_000);
  expect(got).toEqual(['got a']);
  await clock.advance(10_000);
  expect(got).toEqual(['got a', 'lost a']);
  await connect();
  faults.vanish('a');
  const third = await connect();
  expect(got).toEqual(['got a', 'lost a', 'got a', 'lost a', 'got a']);
  await clock.advance(60_000);
  expect(third.send('st', Buffer.from('x'))).toBe('sent');
  await clock.advance(1_000);
  expect(got.at(-1)).toBe('st');
});
