import { expect, test } from 'vitest';
import { podItem } from '../../test/support/fake-node.ts';
import { SkerryError } from '#lib/error.ts';
import { lastWordsOf } from './last-words.ts';

const { signal } = new AbortController();
const ITEM = podItem('web', { containers: [{ terminationMessagePolicy: 'FallbackToLogsOnError' }] });

async function checkWords(
  {
    message = '',
    exitCode = 1,
    log,
  }: { readonly message?: string; readonly exitCode?: number; readonly log: string | SkerryError },
  expected: string,
): Promise<void> {
  const runtime = {
    async *logs() {
      if (typeof log !== 'string') throw log;
      yield Buffer.from(log);
    },
  };
  const volumes = { terminationMessage: async () => message };
  const dead = { id: 'x', podUid: 'uid-web', name: 'app', attempt: 0, exitCode };
  const words = await lastWordsOf(dead, ITEM, runtime, volumes, signal).catch((error: SkerryError) => error.code);
  expect(words).toBe(expected);
}

test('the message it left counts; else, where it failed and asked for it, the end of its log', async () => {
  await checkWords({ message: 'bye', log: 'log' }, 'bye');
  await checkWords({ log: 'log' }, 'log');
  await checkWords({ exitCode: 0, log: 'log' }, '');
  await checkWords({ log: `${'x'.repeat(5_000)}end` }, `${'x'.repeat(2_045)}end`);
});

test('a log that can not be read is said in its place; only an engine that is away ends the look', async () => {
  const unreadable = new SkerryError('EngineRefused', 'configured logging driver does not support reading');
  await checkWords({ log: unreadable }, `Error on reading termination message from logs: ${unreadable.message}`);
  await checkWords({ log: new SkerryError('EngineAbsent', 'no container engine answers') }, 'EngineAbsent');
});
