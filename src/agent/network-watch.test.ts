import { expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { LOOK_CONNECTED_MS, LOOK_MS, createNetworkWatch } from './network-watch.ts';

function watched() {
  const clock = manualClock();
  const state = { ways: ['eth0 192.0.2.7'], cut: true, tries: 0, looks: 0 };
  const watch = createNetworkWatch({
    waysOut: async () => {
      state.looks += 1;
      return state.ways;
    },
    isCut: () => state.cut,
    cameUp: () => (state.tries += 1),
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  watch.start();
  return { clock, state, watch };
}

test('a link that is down is tried when a way out comes, not when one goes, and not when nothing changes', async () => {
  const { clock, state, watch } = watched();
  await clock.advance(10 * LOOK_MS);
  expect(state.tries).toBe(0);
  state.ways = [];
  await clock.advance(2 * LOOK_MS);
  expect(state.tries).toBe(0);
  state.ways = ['eth0 192.0.2.7', 'default eth0 192.0.2.1'];
  await clock.advance(2 * LOOK_MS);
  expect(state.tries).toBe(1);
  await watch.stop();
  await clock.advance(60_000);
  expect(state.tries).toBe(1);
});

test('a link that is up is left alone, and the network looked at seldom', async () => {
  const { clock, state, watch } = watched();
  state.cut = false;
  await clock.advance(LOOK_MS * 1.2);
  const looks = state.looks;
  state.ways = [...state.ways, 'wlan0 192.0.2.8'];
  await clock.advance(2 * LOOK_CONNECTED_MS);
  expect([state.tries, state.looks - looks]).toEqual([0, 2]);
  await watch.stop();
});
