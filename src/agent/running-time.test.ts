import { expect, test } from 'vitest';
import { createMemoryLedger } from '../../test/support/memory-ledger.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { createRunningTime } from './running-time.ts';

test('counts on through a restart of the agent, and goes on from the last word after a reboot', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const first = createRunningTime(clock, { id: 'boot-1', uptimeMs: 5_000 }, ledger.memory);
  expect(first.nowMs()).toBe(0);
  await clock.advance(60_000);
  const row = first.due();
  await ledger.commit(row === undefined ? [] : [row], []);
  await clock.advance(30_000);
  const restarted = createRunningTime(clock, { id: 'boot-1', uptimeMs: 95_000 }, ledger.memory);
  expect(restarted.nowMs()).toBe(90_000);
  const rebooted = createRunningTime(clock, { id: 'boot-2', uptimeMs: 1_000 }, ledger.memory);
  expect(rebooted.nowMs()).toBe(60_000);
});

test('is written along with other things, not more often than it must be', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const time = createRunningTime(clock, { id: 'b', uptimeMs: 0 }, ledger.memory);
  const lost = time.due();
  expect(lost).toBeDefined();
  // The commit it was in has failed.
  expect(time.due()).toEqual(lost);
  await ledger.commit(lost === undefined ? [] : [lost], []);
  await clock.advance(9_999);
  expect(time.due()).toBeUndefined();
  await clock.advance(1);
  expect(time.due()).toMatchObject({ kind: 'clock', value: { bootId: 'b', uptimeMs: 10_000, runningMs: 10_000 } });
});

test('a row that is not whole counts as none', () => {
  const memory = { rows: () => new Map([['running', { bootId: 'b' }]]) };
  expect(createRunningTime(manualClock(), { id: 'b', uptimeMs: 7 }, () => memory).nowMs()).toBe(0);
});
