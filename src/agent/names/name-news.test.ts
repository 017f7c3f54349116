import { expect, test } from 'vitest';
import { silentLog } from '#lib/log.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../../test/support/memory-ledger.ts';
import { TELL_AFTER_MS } from '../node-trouble.ts';
import { createNameNews } from './name-news.ts';

test('what lasts is told once, and once that it is over; what does not last is not told', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const news = createNameNews({ node: 'edge-1', ledger, clock, log: silentLog });
  const told = () => ledger.reports.map(({ body }) => ('reason' in body ? body.reason : ''));
  news.asked(['192.0.2.53']);
  news.resolvers({ state: 'silent', why: 'no answer within 2000 ms' });
  await clock.advance(TELL_AFTER_MS - 1);
  news.resolvers({ state: 'up' });
  await clock.advance(TELL_AFTER_MS);
  expect(told()).toEqual([]);
  for (let turn = 0; turn < 3; turn += 1) news.resolvers({ state: 'silent', why: 'no answer within 2000 ms' });
  await clock.advance(TELL_AFTER_MS);
  news.resolvers({ state: 'silent', why: 'connect ENETUNREACH' });
  await clock.advance(TELL_AFTER_MS);
  expect(told()).toEqual(['ResolverUnreachable']);
  expect(JSON.stringify(ledger.reports)).toContain('(192.0.2.53) answers: no answer within 2000 ms');
  // Another trouble, for a moment.
  news.resolvers({ state: 'looping' });
  news.resolvers({ state: 'silent', why: 'connect ENETUNREACH' });
  await clock.advance(TELL_AFTER_MS);
  expect(told()).toEqual(['ResolverUnreachable']);
  news.resolvers({ state: 'looping' });
  await clock.advance(TELL_AFTER_MS);
  news.resolvers({ state: 'up' });
  news.listening('listen on UDP 169.254.20.10:53: EADDRINUSE');
  await clock.advance(TELL_AFTER_MS);
  news.listening(undefined);
  await clock.settle();
  expect(told()).toEqual(['ResolverUnreachable', 'ResolverLoop', 'ResolverReady', 'NameServerFailed', 'NameServerReady']);
  for (let look = 0; look < 3; look += 1) {
    news.overdrawn({ client: '10.32.0.9', refused: 70_000 });
    await clock.advance(TELL_AFTER_MS);
  }
  news.overdrawn(undefined);
  await clock.settle();
  expect(told().slice(5)).toEqual(['NameQueriesDropped', 'NameQueriesAnswered']);
});
