import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { joinOnceReachable } from './first-join.ts';
import type { Identity } from './identity.ts';

// Only handed through.
const identity = {} as Identity;

function startJoin(ends: readonly (SkerryError | Identity)[]) {
  const clock = manualClock();
  const stop = new AbortController();
  const told: string[] = [];
  const askedMs: number[] = [];
  const log = { ...silentLog, warn: (_facts: unknown, text: string) => void told.push(text) } as unknown as typeof silentLog;
  const join = async () => {
    const end = ends[Math.min(askedMs.length, ends.length - 1)];
    askedMs.push(clock.monotonic());
    if (end instanceof SkerryError) throw stop.signal.aborted ? new SkerryError('Aborted', 'stopped') : end;
    return end ?? identity;
  };
  const done = joinOnceReachable(join, { keepaliveMs: 30_000, clock, ids: seededIds(3), log }, stop.signal);
  const end = done.then(
    () => 'joined',
    (error: SkerryError) => error.code,
  );
  return { clock, stop, told, askedMs, end };
}

const unreachable = new SkerryError('Unreachable', 'connect to 10.0.0.1:6443');

test('a server that can not be reached is tried again, ever more slowly, and that is said once', async () => {
  const { clock, told, askedMs, end } = startJoin([...Array.from({ length: 30 }, () => unreachable), identity]);
  await clock.advance(40 * 75_000);
  expect(await end).toBe('joined');
  expect(told).toHaveLength(1);
  const late = askedMs.slice(10).map((atMs, index) => atMs - (askedMs[9 + index] ?? 0));
  expect(Math.max(...late)).toBeLessThanOrEqual(75_000);
  expect(late.reduce((sum, gap) => sum + gap, 0) / late.length).toBeGreaterThan(20_000);
});

test('a server that can not take it just now is asked again', async () => {
  const busy = ['TooManyRequests', 'ServiceUnavailable', 'Conflict'].map((code) => new SkerryError(code, 'join at the server'));
  const { clock, askedMs, end } = startJoin([...busy, identity]);
  await clock.advance(600_000);
  expect([await end, askedMs.length]).toEqual(['joined', 4]);
});

test('what a server says is final, and a stop ends the wait', async () => {
  const refused = startJoin([unreachable, new SkerryError('Unauthorized', 'its secret is wrong'), identity]);
  await refused.clock.advance(10_000);
  expect([await refused.end, refused.askedMs.length]).toEqual(['Unauthorized', 2]);
  const stopped = startJoin([unreachable]);
  await stopped.clock.settle();
  stopped.stop.abort();
  expect(await stopped.end).toBe('Aborted');
});
