import { expect, test } from 'vitest';
import type { Command, Response } from '#api/link/messages.ts';
import { sleep } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { silentLog } from '#lib/log.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { CommandDesk } from './command-desk.ts';

const { signal } = new AbortController();
const COMMAND: Command = { type: 'cmd', session: 's', id: 'i', kind: 'open', ttlMs: 5_000, body: null, signature: '' };

/** Answers to a command that takes so long, told twice. */
async function answersTo(takesMs: number): Promise<{ readonly answers: readonly Response[]; readonly runs: number }> {
  const clock = manualClock();
  const answers: Response[] = [];
  let runs = 0;
  const slow = async (_command: unknown, abort: AbortSignal) => {
    runs += 1;
    await sleep(clock, takesMs, abort);
    if (abort.aborted) throw new SkerryError('Aborted', 'stopped');
    return 'done';
  };
  const desk = new CommandDesk(slow, clock, silentLog);
  const first = desk.take(COMMAND, (answer) => answers.push(answer), signal);
  await clock.advance(60_000);
  await first;
  await desk.take(COMMAND, (answer) => answers.push(answer), signal);
  return { answers, runs };
}

test('a command is carried out once, and its result told as often as it is asked for', async () => {
  const done: Response = { type: 'rsp', id: 'i', ok: true, body: 'done' };
  expect(await answersTo(4_000)).toEqual({ answers: [done, done], runs: 1 });
});

test('a command whose time is over is given up', async () => {
  const { answers, runs } = await answersTo(6_000);
  expect(runs).toBe(1);
  expect(answers.map(({ ok, body }) => [ok, body])).toEqual(
    [1, 2].map(() => [false, 'carry out the command open: not done within 5000 ms: stopped']),
  );
});
