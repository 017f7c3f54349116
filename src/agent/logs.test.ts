import { expect, test } from 'vitest';
import type { ContainerStatus } from '#api/generated/types.ts';
import { createMemoryLedger } from '../../test/support/memory-ledger.ts';
import { logStream } from './log-stream.ts';
import { podLogs, type PodLogsParams } from './logs.ts';
import { STATUSES, asJson } from './memory.ts';

const { signal } = new AbortController();
const OLD = { terminated: { exitCode: 1, containerID: 'docker://old' } };

/** The engine's id of the container whose log is read. */
async function checkLog(
  status: Partial<ContainerStatus> | undefined,
  params: Partial<PodLogsParams>,
  expected: string,
): Promise<void> {
  const read = async () => {
    let text = '';
    for await (const piece of podLogs(await source(status), { uid: 'u1', container: 'web', ...params }, signal))
      text += Buffer.from(piece).toString();
    return text;
  };
  expect(await read().catch((error: Error) => error.message)).toBe(expected);
}

async function source(status: Partial<ContainerStatus> | undefined) {
  const ledger = createMemoryLedger();
  const value = asJson({ containerStatuses: status === undefined ? [] : [{ name: 'web', ...status }] });
  await ledger.commit([{ kind: STATUSES, key: 'u1', value }], []);
  return {
    ledger,
    runtime: {
      logs: async function* (id: string, options: { readonly sinceMs?: number }) {
        yield Buffer.from(options.sinceMs === undefined ? id : `${id} since ${options.sinceMs}`);
      },
    },
  };
}

test('the log is that of the attempt the reported status shows, the previous one that of its last state', async () => {
  const running = { state: { running: {} }, containerID: 'docker://new', lastState: OLD };
  await checkLog(running, {}, 'new');
  await checkLog(running, { previous: true }, 'old');
  // Between two attempts the dead one is both: it is what ran last, and what ran before.
  const waiting = { state: { waiting: { reason: 'CrashLoopBackOff' } }, containerID: 'docker://old', lastState: OLD };
  await checkLog(waiting, {}, 'old');
  await checkLog(waiting, { previous: true }, 'old');
  const ended = {
    state: { terminated: { exitCode: 0, containerID: 'docker://new' } },
    containerID: 'docker://new',
    lastState: {},
  };
  await checkLog(ended, {}, 'new');
  await checkLog(ended, { previous: true }, 'previous terminated container "web" in pod "u1" not found');
  const pulling = { state: { waiting: { reason: 'ErrImagePull' } }, lastState: {} };
  await checkLog(pulling, {}, 'container "web" in pod "u1" is waiting to start: ErrImagePull');
  await checkLog(undefined, {}, 'container "web" in pod "u1" is waiting to start: ContainerCreating');
});

test('a limit cuts the log at its byte', async () => {
  const running = { state: { running: {} }, containerID: 'docker://0123456789' };
  await checkLog(running, { limitBytes: 4 }, '0123');
  await checkLog(running, { limitBytes: 0 }, '');
});

test('the stream counts "since" by this clock, and refuses parameters that are none', async () => {
  const handler = logStream(await source({ state: { running: {} }, containerID: 'docker://c1' }), { now: () => 1_000_000 });
  const pieces: string[] = [];
  for await (const piece of handler({ uid: 'u1', container: 'web', sinceSeconds: 100 }, signal))
    pieces.push(Buffer.from(piece).toString());
  expect(pieces).toEqual(['c1 since 900000']);
  expect(() => handler({ uid: 1 }, signal)).toThrow(/uid/);
});
