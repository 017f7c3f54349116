import { expect, test } from 'vitest';
import { startMsMax, trialSecondsMax } from './start-time.ts';

test.each([
  [0, 120, 600],
  [4_000_000_000, 1_120, 1_600],
  [8_500_000_000, 2_245, 2_725],
])('databases of %d bytes: a start may take %d s, and a trial, which begins with one, %d s', (bytes, start, trial) => {
  expect([startMsMax(bytes), trialSecondsMax(bytes)]).toEqual([start * 1_000, trial]);
});
