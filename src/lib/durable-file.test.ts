import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDurableFile, makePrivateFolder, readFileIfThere, writeDurableFile } from './durable-file.ts';
import { explain } from './error.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'durable-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a private folder is made with all above it, and one that is there is made private', () => {
  makePrivateFolder(join(home, 'a/b'));
  expect([modeOf(join(home, 'a')), modeOf(join(home, 'a/b'))]).toEqual(['700', '700']);
  mkdirSync(join(home, 'open'), { mode: 0o755 });
  makePrivateFolder(join(home, 'open'));
  expect(modeOf(join(home, 'open'))).toBe('700');
});

test('a folder that can not be made is refused with its name, and at once', () => {
  writeFileSync(join(home, 'file'), '');
  // In /proc nothing can be made, by root neither.
  for (const folder of [join(home, 'file/below'), '/proc/nowhere', '/proc/nowhere/below'])
    expect(() => makePrivateFolder(folder)).toThrow(
      expect.toSatisfy(
        (error: unknown) =>
          explain(error).startsWith(`make the folder ${folder}: `) && /ENOTDIR|ENOENT|EPERM/.test(explain(error)),
      ),
    );
});

test('a durable file replaces the one that was there, with its mode', () => {
  const file = join(home, 'key');
  expect(readFileIfThere(file)).toBeUndefined();
  writeFileSync(file, 'old', { mode: 0o644 });
  writeDurableFile(file, 'new');
  expect([readFileIfThere(file), modeOf(file)]).toEqual(['new', '600']);
});

test('of two that create a durable file the first one’s stands, and both are told what it holds', () => {
  const file = join(home, 'key');
  expect(createDurableFile(file, 'first')).toBe('first');
  expect(createDurableFile(file, 'second')).toBe('first');
  expect([readFileIfThere(file), modeOf(file), readdirSync(home)]).toEqual(['first', '600', ['key']]);
});
