import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BACKOFF_MS_MAX, backoffCapMs, backoffMs } from './backoff.ts';

test('the wait is capped by what the keepalive makes sensible', () => {
  expect(backoffCapMs(1_000)).toBe(5_000);
  expect(backoffCapMs(5_000)).toBe(12_500);
  expect(backoffCapMs(30_000)).toBe(75_000);
  expect(backoffCapMs(240_000)).toBe(BACKOFF_MS_MAX);
});

test('full jitter: anything up to twice as long each time, never above the cap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1_000, max: 600_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, keepaliveMs, random) => {
        const waitMs = backoffMs({ failures, keepaliveMs, refused: false }, random);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(Math.min(backoffCapMs(keepaliveMs), 1_000 * 2 ** (failures - 1)));
      },
    ),
  );
  expect(backoffMs({ failures: 1, keepaliveMs: 30_000, refused: true }, 0)).toBe(37_500);
  expect(backoffMs({ failures: 1, keepaliveMs: 30_000, refused: true, retryAfterMs: 10_000 }, 0.5)).toBe(12_500);
  expect(backoffMs({ failures: 1, keepaliveMs: 30_000, refused: true, retryAfterMs: 1e12 }, 0)).toBe(3_600_000);
});
