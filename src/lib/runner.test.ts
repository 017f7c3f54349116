import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { SkerryError } from './error.ts';
import { seededIds } from './ids.ts';
import { silentLog, type Log } from './log.ts';
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, backoffMs, createRunner, SIGNALLED_WAIT_MS_MAX, type RunnerOptions } from './runner.ts';

/** A runner whose runs are written down as they begin (`+a`) and end (`-a`), each lasting `lastsMs`. */
function setUp(options: Partial<RunnerOptions> & { readonly lastsMs?: number } = {}) {
  const clock = manualClock();
  const stop = new AbortController();
  const story: string[] = [];
  const { lastsMs = 10, ...rest } = options;
  const run = async (key: string, signal: AbortSignal) => {
    story.push(`+${key}`);
    await new Promise<void>((resolve) => void clock.timer(lastsMs, resolve));
    story.push(`-${key}`);
    return await rest.run?.(key, signal);
  };
  const runner = createRunner({ name: 'test', clock, ids: seededIds(1), log: silentLog, ...rest, run }, stop.signal);
  return { clock, stop, story, runner };
}

test('signals of a waiting key become one run, those of a running key one more', async () => {
  const { clock, story, runner } = setUp();
  runner.signal('a');
  runner.signal('a');
  await clock.advance(5);
  expect(story).toEqual(['+a']);
  runner.signal('a');
  runner.signal('a');
  await clock.advance(100);
  expect(story).toEqual(['+a', '-a', '+a', '-a']);
  expect(runner.idle()).toBe(true);
});

test('no more keys run at once than allowed, in the order signalled', async () => {
  const { clock, story, runner } = setUp({ concurrency: 2 });
  for (const key of ['a', 'b', 'c']) runner.signal(key);
  await clock.advance(5);
  expect(story).toEqual(['+a', '+b']);
  await clock.advance(100);
  expect(story).toEqual(['+a', '+b', '-a', '+c', '-b', '-c']);
});

test('a bug is told as one, the world’s failures as warnings, and neither floods the log however often its key is signalled', async () => {
  const told: string[] = [];
  // Not `key`: what goes by that name is a secret, and not shown (log.ts).
  const tell = (level: string) => (facts: object, message: string) =>
    void told.push(`${level}: ${message}${'of' in facts ? '' : '?'}`);
  // Sound: the runner tells facts and a sentence, which is one of the forms that a log takes.
  const log = { ...silentLog, error: tell('error'), warn: tell('warn'), child: () => log } as unknown as Log;
  const run = async (key: string) => {
    if (key === 'bug') throw new TypeError('undefined is not a function');
    throw new SkerryError('Unavailable', 'reach the world');
  };
  const { clock, story, runner } = setUp({ run, log });
  for (let second = 0; second < 600; second += 1) {
    runner.signal('bug');
    runner.signal('world');
    await clock.advance(1_000);
  }
  expect(story.filter((step) => step === '+bug').length).toBeGreaterThan(300);
  expect(new Set(told)).toEqual(new Set(['error: run failed by a bug', 'warn: run failed']));
  expect(told.length).toBeLessThan(2 * (10 + 10));
});

test('a key that asks to be looked at again is, and no sooner', async () => {
  let times = 0;
  const { clock, story, runner } = setUp({ run: async () => (++times === 1 ? 500 : undefined) });
  runner.signal('a');
  await clock.advance(400);
  expect(story).toEqual(['+a', '-a']);
  await clock.advance(1_000);
  expect(story).toEqual(['+a', '-a', '+a', '-a']);
  await clock.advance(60_000);
  expect(times).toBe(2);
});

test('a failing key backs off longer each time and stands in nobody’s way', async () => {
  let failures = 0;
  const run = async (key: string) => {
    if (key === 'good') return undefined;
    failures += 1;
    throw new SkerryError('Timeout', 'ask the engine');
  };
  const { clock, story, runner } = setUp({ run, lastsMs: 0, concurrency: 1 });
  runner.signal('bad');
  runner.signal('good');
  await clock.advance(1);
  expect(story).toEqual(['+bad', '-bad', '+good', '-good']);
  await clock.advance(10_000);
  expect(failures).toBeGreaterThan(6);
  expect(failures).toBeLessThan(14);
});

test('a signal shortens a long back-off, but a key that always fails does not spin', async () => {
  let runs = 0;
  const run = async () => {
    runs += 1;
    throw new SkerryError('Timeout', 'ask the engine');
  };
  const { clock, runner } = setUp({ run, lastsMs: 0 });
  runner.signal('a');
  await clock.advance(200_000);
  const before = runs;
  runner.signal('a');
  await clock.advance(SIGNALLED_WAIT_MS_MAX);
  expect(runs).toBe(before + 1);
  for (let i = 0; i < 100; i += 1) {
    runner.signal('a');
    await clock.advance(10);
  }
  expect(runs).toBeLessThanOrEqual(before + 2);
});

test('every key is run at start and once per period', async () => {
  const { clock, story } = setUp({ keys: () => ['a', 'b'], periodMs: 1_000, lastsMs: 1 });
  await clock.advance(500);
  expect(story).toEqual(['+a', '+b', '-a', '-b']);
  await clock.advance(9_500);
  expect(story.filter((line) => line === '+a').length).toBeGreaterThan(8);
  expect(story.filter((line) => line === '+a').length).toBeLessThan(13);
});

test('stopping waits for what runs, starts nothing more and cancels what waits', async () => {
  const { clock, stop, story, runner } = setUp({ concurrency: 1, lastsMs: 100 });
  let done = false;
  void runner.done.then(() => (done = true));
  runner.signal('a');
  runner.signal('b');
  await clock.advance(50);
  stop.abort();
  runner.signal('c');
  await clock.settle();
  expect(done).toBe(false);
  await clock.advance(1_000);
  expect({ story, done }).toEqual({ story: ['+a', '-a'], done: true });
});

test('stopping an idle runner is done at once', async () => {
  const { stop, runner } = setUp();
  stop.abort();
  await runner.done;
});

test('thousands of runs without a wait let the event loop through', async () => {
  const stop = new AbortController();
  const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}`);
  const clock = manualClock();
  let runs = 0;
  const run = async () => void (runs += 1) as undefined;
  createRunner({ name: 'many', run, keys: () => keys, clock, ids: seededIds(1), log: silentLog }, stop.signal);
  await clock.settle();
  expect(runs).toBeGreaterThan(0);
  expect(runs).toBeLessThan(2_000);
  await clock.advance(0);
  expect(runs).toBe(20_000);
  stop.abort();
});

test('property: a key never runs twice at once, and a signal is never lost', async () => {
  const steps = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat(15), fails: fc.boolean() }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (plan, concurrency) => {
      const clock = manualClock();
      const stop = new AbortController();
      const busy = new Set<string>();
      const dirty = new Set<string>();
      const failing = new Set<string>();
      const run = async (key: string) => {
        if (busy.has(key)) throw new SkerryError('Bug', 'two runs of one key');
        if (busy.size >= concurrency) throw new SkerryError('Bug', 'too many at once');
        busy.add(key);
        dirty.delete(key);
        await new Promise<void>((resolve) => void clock.timer(7, resolve));
        busy.delete(key);
        if (!failing.delete(key)) return undefined;
        dirty.add(key);
        throw new SkerryError('Timeout', 'try');
      };
      const errors: unknown[] = [];
      const log = { ...silentLog, error: (facts: unknown) => void errors.push(facts), child: () => log } as typeof silentLog;
      const runner = createRunner({ name: 'p', run, concurrency, clock, ids: seededIds(7), log }, stop.signal);
      for (const { key, waitMs, fails } of plan) {
        dirty.add(key);
        if (fails) failing.add(key);
        runner.signal(key);
        await clock.advance(waitMs);
      }
      await clock.advance(10_000);
      expect({ errors, dirty: [...dirty], busy: [...busy], idle: runner.idle() }).toEqual({
        errors: [],
        dirty: [],
        busy: [],
        idle: true,
      });
      stop.abort();
      await runner.done;
    }),
    { numRuns: 40 },
  );
});

test('property: a back-off is never shorter than half its step nor longer than the most', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, chance) => {
        const ms = backoffMs(failures, {}, chance);
        expect(ms).toBeGreaterThanOrEqual(Math.min(BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 30), BACKOFF_MS_MAX) / 2);
        expect(ms).toBeLessThanOrEqual(BACKOFF_MS_MAX);
      },
    ),
  );
});
