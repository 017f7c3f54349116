import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import { holdStore, storeFile } from './held-store.ts';

test('of a server and whoever holds its data one waits for the other', () =>
  withFolder(async (folder) => {
    const file = storeFile(folder);
    holdStore(folder).release();
    expect(readdirSync(folder)).toEqual([]);

    const store = await openTestStore({ file });
    expect(() => holdStore(folder)).toThrow(expect.objectContaining({ code: 'InUse' }));
    await store.close();
    const before = readFileSync(file);
    const held = holdStore(folder);
    await expect(openTestStore({ file })).rejects.toMatchObject({ code: 'InUse' });
    held.release();
    held.release();
    expect([readdirSync(dirname(file)), readFileSync(file).equals(before)]).toEqual([['state.db'], true]);
    await (await openTestStore({ file })).close();
  }));

test('a broken database is held by nobody, and stays as it was found', () =>
  withFolder(async (folder) => {
    const file = storeFile(folder);
    await (await openTestStore({ file })).close();
    writeFileSync(file, 'no database'.repeat(1_000));
    holdStore(folder).release();
    expect(readFileSync(file, 'utf8')).toBe('no database'.repeat(1_000));
  }));
