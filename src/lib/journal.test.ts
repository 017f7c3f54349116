import { closeSync, fstatSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isJournal } from './journal.ts';
import { logTo } from './log.ts';

test('the journal is known by the device and inode of the stream', () => {
  const handle = openSync('/dev/null', 'w');
  const { dev, ino } = fstatSync(handle);
  expect([`${dev}:${ino}`, `${dev}:${ino + 1}`, `${dev}`, '', undefined].map((stream) => isJournal(stream, handle))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  closeSync(handle);
  expect(isJournal('1:1', 9_999)).toBe(false);
});

test('lines for the journal are those of any log behind their priority', () => {
  const lines: string[] = [];
  const log = logTo((line) => lines.push(line), 'debug', 'journal');
  log.debug({ a: 1 }, 'd');
  log.info('i');
  log.child({ part: 'x' }).warn('w');
  log.error({ err: new Error('two\nlines') }, 'e');
  expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<6>', '<4>', '<3>']);
  for (const line of lines) {
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line.slice(3))).toHaveProperty('msg');
  }
});
