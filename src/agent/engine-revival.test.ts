import { expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { LOOK_MS, WAIT_MS_MAX, createEngineRevival } from './engine-revival.ts';

test('an engine that systemd has given up is started again, ever more rarely; one that was stopped is not', async () => {
  const clock = manualClock();
  const machine = { state: 'inactive', ready: false, starts: 0, looks: 0 };
  const revival = createEngineRevival({
    health: () => (machine.ready ? { ready: true } : { ready: false, code: 'EngineAbsent', message: '' }),
    command: async (_, [verb]) => {
      if (verb === 'show') machine.looks += 1;
      if (verb === 'start') machine.starts += 1;
      return `${machine.state}\n`;
    },
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  revival.look();
  await clock.advance(10 * LOOK_MS);
  expect(machine).toMatchObject({ starts: 0, looks: 11 });
  machine.state = 'failed';
  await clock.advance(LOOK_MS);
  expect(machine.starts).toBe(1);
  await clock.advance(2 * LOOK_MS);
  expect(machine.starts).toBe(2);
  await clock.advance(10 * WAIT_MS_MAX);
  expect(machine.starts).toBe(2 + 3 + 9);
  // It works; the next time it is started at once.
  Object.assign(machine, { ready: true, starts: 0, looks: 0 });
  revival.look();
  await clock.advance(WAIT_MS_MAX);
  expect(machine).toMatchObject({ starts: 0, looks: 0 });
  machine.ready = false;
  revival.look();
  await clock.settle();
  expect(machine.starts).toBe(1);
  await revival.stop();
  await clock.advance(WAIT_MS_MAX);
  expect(machine.starts).toBe(1);
});
