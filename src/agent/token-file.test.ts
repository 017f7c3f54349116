import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#lib/log.ts';
import { tokenFile } from './token-file.ts';

let folder: string;
let told: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-file-'));
  told = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(name = 'token') {
  const tell = (_facts: unknown, text?: string) => void told.push(text ?? '');
  return tokenFile(join(folder, name), { ...silentLog, warn: tell, info: tell });
}
const write = (text: string, mode = 0o600) => {
  writeFileSync(join(folder, 'token'), text);
  chmodSync(join(folder, 'token'), mode);
};

test('it is read anew each time, and gone after the join', async () => {
  const { token, onJoined } = open();
  await expect(token()).rejects.toMatchObject({ code: 'NoToken', message: expect.stringContaining('skerry token create') });
  onJoined();
  expect(told).toEqual([]);
  write('one\n');
  expect(await token()).toBe('one');
  write(' two ');
  expect(await token()).toBe('two');
  expect(told).toEqual([]);
  onJoined();
  onJoined();
  expect(existsSync(join(folder, 'token'))).toBe(false);
  expect(told).toEqual(['this node has joined, and its token file is deleted']);
});

test('one that others can read is told of', async () => {
  write('one', 0o644);
  expect(await open().token()).toBe('one');
  expect(told).toEqual(['the token file can be read by others on this machine']);
});

test('what is no plain file is read and left alone', async () => {
  write('one');
  symlinkSync(join(folder, 'token'), join(folder, 'link'));
  const link = open('link');
  expect(await link.token()).toBe('one');
  link.onJoined();
  link.onJoined();
  expect(told).toEqual(['the token file is a link and is not deleted']);
  expect(readFileSync(join(folder, 'token'), 'utf8')).toBe('one');

  const nothing = tokenFile('/dev/null', silentLog);
  expect(await nothing.token()).toBe('');
  nothing.onJoined();
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test('what can be no token is refused', async () => {
  write('x'.repeat(5_000));
  await expect(open().token()).rejects.toMatchObject({ code: 'BadToken' });
  mkdirSync(join(folder, 'folder'));
  await expect(open('folder').token()).rejects.toMatchObject({ code: 'BadToken' });
});
