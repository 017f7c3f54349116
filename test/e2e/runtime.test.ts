import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDockerRuntime } from '#agent/runtime/docker-runtime.ts';
import { systemClock, type Clock } from '#lib/clock.ts';
import { hasCode } from '#lib/error.ts';
import { loadBusybox, startEngine, until, type TestEngine } from '../support/engine.ts';
import { runtimeContract } from '../support/runtime-contract.ts';

/** The engine behind the agent's door, for real: the contract that the fake is held to, and what only a real engine can show. */
runtimeContract('docker', async () => {
  const engine = await startEngine();
  await loadBusybox(engine.socketPath, 'busybox:1');
  return {
    runtime: (node, ranHere = () => false) =>
      createDockerRuntime({
        socketPath: engine.socketPath,
        node,
        ranHere,
        clock: systemClock,
        cgroupParent: engine.cgroupParent,
      }),
    image: 'busybox:1',
    until: (condition, what) => until(condition, what),
    stop: engine.stop,
  };
});

let engine: TestEngine;
const { signal } = new AbortController();

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

/** Time limits pass a hundred times as fast. */
const hastyClock: Clock = { ...systemClock, timer: (delayMs, fire) => systemClock.timer(delayMs / 100, fire) };

test('an engine that is not there is EngineAbsent', async () => {
  const runtime = createDockerRuntime({ socketPath: `${engine.dir}/nothing.sock`, node: 'node-1', clock: systemClock });
  await expect(runtime.info(signal)).rejects.toMatchObject({ code: 'EngineAbsent' });
});

test('an engine that hangs is EngineTimeout, and heals by itself', async () => {
  const runtime = createDockerRuntime({ socketPath: engine.socketPath, node: 'node-1', clock: hastyClock });
  expect(await runtime.list(undefined, signal)).toEqual([]);
  engine.signalDaemon('SIGSTOP');
  // Its threads stop one after the other: the first call may still be answered.
  const ask = () => runtime.list(undefined, signal).catch((error: unknown) => error);
  await until(async () => hasCode(await ask(), 'EngineTimeout'), 'a call to time out');
  engine.signalDaemon('SIGCONT');
  expect(await runtime.list(undefined, signal)).toEqual([]);
});
