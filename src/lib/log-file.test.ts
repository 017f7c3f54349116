import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { logFileWriter } from './log-file.ts';

let folder: string;
let elsewhere: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-file-'));
  elsewhere = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (name = 'a.log', bytesMax = 100) => logFileWriter(join(folder, name), (line) => elsewhere.push(line), bytesMax);
const text = (name = 'a.log') => readFileSync(join(folder, name), 'utf8');
const lineOf = (number: number) => `line ${String(number).padStart(4, '0')}\n`;

test('what is written beyond the bound takes the place of the oldest; the newest are always there, in order', () => {
  let write = open();
  for (let number = 1; number <= 1_000; number += 1) {
    // A start goes on where the one before it ended.
    if (number % 77 === 0) write = open();
    write(lineOf(number));
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(100);
  }
  expect(readdirSync(folder)).toEqual(['a.log', 'a.log.1']);
  const kept = `${text('a.log.1')}${text()}`;
  const count = kept.length / 10;
  expect(count).toBeGreaterThanOrEqual(10);
  expect(kept).toBe(Array.from({ length: count }, (_, index) => lineOf(1_001 - count + index)).join(''));
  expect(statSync(join(folder, 'a.log')).mode & 0o777).toBe(0o600);
  expect(elsewhere).toEqual([]);
});

test('two processes with one file keep its bound, and lose none of the other’s newest lines', () => {
  const [one, two] = [open(), open()];
  for (let number = 1; number <= 40; number += 2) {
    one(lineOf(number));
    two(lineOf(number + 1));
  }
  expect(`${text('a.log.1')}${text()}`.endsWith(Array.from({ length: 11 }, (_, index) => lineOf(30 + index)).join(''))).toBe(
    true,
  );
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(100);
});

test('where it can not be set aside its bound still holds', () => {
  mkdirSync(join(folder, 'a.log.1', 'x'), { recursive: true });
  const write = open();
  for (let number = 1; number <= 25; number += 1) write(lineOf(number));
  expect(text()).toBe([21, 22, 23, 24, 25].map(lineOf).join(''));
});

test('a full disk, a folder that is missing, and one that comes back', () => {
  symlinkSync('/dev/full', join(folder, 'full.log'));
  const full = open('full.log');
  for (let number = 1; number <= 50; number += 1) full(lineOf(number));
  expect(elsewhere.splice(0)).toHaveLength(50);
  expect(readdirSync(folder)).toEqual(['full.log']);

  const write = open('not/there.log');
  write(lineOf(1));
  expect(elsewhere.splice(0)).toEqual([lineOf(1)]);
  mkdirSync(join(folder, 'not'));
  write(lineOf(2));
  expect(text('not/there.log')).toBe(lineOf(2));
  expect(elsewhere).toEqual([]);
});

test('a device is written to and never renamed, and a file that was taken away is not followed for ever', () => {
  symlinkSync('/dev/null', join(folder, 'null.log'));
  const write = open('null.log');
  for (let number = 1; number <= 50; number += 1) write(lineOf(number));
  expect(readdirSync(folder)).toEqual(['null.log']);

  const moved = open();
  for (let number = 1; number <= 8; number += 1) moved(lineOf(number));
  renameSync(join(folder, 'a.log'), join(folder, 'b.log'));
  writeFileSync(join(folder, 'a.log'), 'new\n');
  for (let number = 9; number <= 12; number += 1) moved(lineOf(number));
  expect(text()).toBe(`new\n${lineOf(11)}${lineOf(12)}`);
});
