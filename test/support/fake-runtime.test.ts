import { expect, test } from 'vitest';
import { createFakeEngine, FAKE_TIMEOUT_MS } from './fake-runtime.ts';
import { manualClock } from './manual-clock.ts';
import { runtimeContract } from './runtime-contract.ts';

runtimeContract('fake', async () => {
  const clock = manualClock();
  const engine = createFakeEngine(clock);
  engine.addImage('busybox:1');
  return {
    runtime: engine.runtime,
    image: 'busybox:1',
    until: async (condition, what) => {
      for (let turn = 0; turn < 100; turn += 1) {
        if (await condition()) return;
        await clock.advance(100);
      }
      throw new Error(`waited in vain for ${what}`);
    },
    stop: async () => undefined,
  };
});

test('faults: absent, hanging, slow', async () => {
  const clock = manualClock();
  const engine = createFakeEngine(clock);
  const runtime = engine.runtime('node-1');
  const { signal } = new AbortController();
  engine.fault = { type: 'absent' };
  await expect(runtime.list(undefined, signal)).rejects.toMatchObject({ code: 'EngineAbsent' });
  engine.fault = { type: 'hang' };
  const hanging = runtime.list(undefined, signal).catch((error: unknown) => error);
  await clock.advance(FAKE_TIMEOUT_MS);
  expect(await hanging).toMatchObject({ code: 'EngineTimeout' });
  engine.fault = { type: 'slow', delayMs: 1000 };
  let listed = false;
  const slow = runtime.list(undefined, signal).then(() => (listed = true));
  await clock.advance(999);
  expect(listed).toBe(false);
  await clock.advance(1);
  await slow;
});
