import { expect, test } from 'vitest';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../../test/support/memory-ledger.ts';
import { CONNECTIONS_LOOK_MS, createConnectionWatch } from './connection-watch.ts';

test('a full table of connections is told once when it lasts, and that there is room again', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  let used = 0;
  const watch = createConnectionWatch({
    node: 'here',
    ledger,
    read: async () => ({ used, max: 1_000 }),
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  const reasons = () => ledger.reports.flatMap((report) => (report.class === 'event' ? [report.body.reason] : []));
  const at = async (count: number, expected: readonly string[]) => {
    used = count;
    for (let turn = 0; turn < 3; turn += 1) await clock.advance(CONNECTIONS_LOOK_MS);
    expect(reasons(), String(count)).toEqual(expected);
  };
  watch.start();
  await at(900, []);
  // A moment's crowd.
  used = 1_000;
  await clock.advance(CONNECTIONS_LOOK_MS);
  await at(500, []);
  await at(1_000, ['ConntrackFull']);
  await at(970, ['ConntrackFull']);
  await at(1_000, ['ConntrackFull']);
  await at(500, ['ConntrackFull', 'ConntrackReady']);
  await watch.stop();
});
