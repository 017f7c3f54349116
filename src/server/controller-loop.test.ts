import { expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { viewOf } from '../../test/support/view-of.ts';
import { seededIds } from '../lib/ids.ts';
import { silentLog } from '../lib/log.ts';
import { startControllerLoop } from './controller-loop.ts';

/** A loop whose controller thinks for `thinksMs` of the clock; one signal a millisecond for `forMs`; gives how often it thought. */
async function runsOf(thinksMs: number, forMs: number): Promise<number> {
  const clock = manualClock();
  const stop = new AbortController();
  let spentMs = 0;
  let runs = 0;
  const reconcile = () => {
    runs += 1;
    spentMs += thinksMs;
    return { changes: [] };
  };
  const loop = startControllerLoop(
    {
      controller: { name: 'test', keysOf: () => [], keys: () => [], reconcile },
      view: () => viewOf([]),
      revision: () => 1,
      carrier: async () => undefined,
      events: { record: () => undefined },
      clock: { ...clock, monotonic: () => clock.monotonic() + spentMs },
      ids: seededIds(1),
      log: silentLog,
    },
    stop.signal,
  );
  for (let ms = 0; ms < forMs; ms += 1) {
    loop.signal('key');
    await clock.advance(1);
  }
  stop.abort();
  return runs;
}

test('a key that is cheap to think about is thought about at every signal', async () => {
  expect(await runsOf(0.1, 100)).toBe(100);
});

test('a costly one gathers its news: it takes no more than a fifth of the time', async () => {
  const runs = await runsOf(10, 400);
  expect(runs).toBeGreaterThan(5);
  expect(runs).toBeLessThanOrEqual(11);
});
