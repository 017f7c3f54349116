import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { silentLog } from '#lib/log.ts';
import { spawnTestWorker, withFolder } from '../../../test/support/store.ts';
import { inlineCommitter, type Committer } from './committer.ts';
import type { DatabaseOptions, RowChange } from './database.ts';
import { look } from './look.ts';
import { workerCommitter } from './worker-committer.ts';

const committers: Readonly<Record<string, (options: DatabaseOptions) => Promise<Committer>>> = {
  inline: async (options) => inlineCommitter(options),
  worker: (options) => workerCommitter(options, spawnTestWorker, silentLog),
};

const row = (name: string, revision: number, note = ''): RowChange => ({
  key: `configmaps/default/${name}`,
  revision,
  uid: `uid-${name}`,
  value: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { note } }),
});

const gone = (name: string): RowChange => ({ key: `configmaps/default/${name}`, revision: 0, uid: '', value: undefined });

/** `name@revision` of everything in the file. */
function stored(file: string): readonly string[] {
  const found = look(file);
  if (found.type !== 'database') throw new Error(`found ${JSON.stringify(found)}`);
  return found.objects.map(({ object, revision }) => `${object.metadata.name ?? ''}@${revision}`).toSorted();
}

describe.each(Object.entries(committers))('%s committer', (_, open) => {
  test('keeps what it was given, in order, across a restart', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'state.db');
      const committer = await open({ file });
      await committer.commit({ rows: [row('a', 1), row('b', 2)], meta: { cluster: 'c', reserved: 7 } });
      await committer.commit({ rows: [row('a', 3), gone('b'), row('b', 4), gone('b'), row('ü', 5)], meta: {} });
      await committer.close();
      expect(stored(file)).toEqual(['a@3', 'ü@5']);
      expect(look(file)).toMatchObject({ meta: { cluster: 'c', reserved: 7, stop: 'clean' } });
    }));

  test('a group that does not fit has no effect, and the next one works', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'state.db');
      const committer = await open({ file, bytesMax: 256 * 1024 });
      await committer.commit({ rows: [row('a', 1)], meta: {} });
      const full = committer.commit({ rows: [row('b', 2), row('c', 3, 'x'.repeat(300_000))], meta: { reserved: 9 } });
      await expect(full).rejects.toMatchObject({ code: 'DiskFailed', details: { sqlite: 'SQLITE_FULL' } });
      await committer.commit({ rows: [row('d', 4)], meta: {} });
      await committer.close();
      expect(stored(file)).toEqual(['a@1', 'd@4']);
      expect(look(file)).not.toMatchObject({ meta: { reserved: 9 } });
    }));

  test('keeps a second writer out, and says so', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'state.db');
      const committer = await open({ file });
      for (const other of Object.values(committers))
        await expect(other({ file })).rejects.toMatchObject({ code: 'InUse', message: expect.stringContaining(file) });
      await committer.commit({ rows: [row('a', 1)], meta: {} });
      await committer.close();
    }));

  test('says what it could not open', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'missing', 'state.db');
      await expect(open({ file })).rejects.toMatchObject({ code: 'DiskFailed', message: `open ${file}` });
    }));

  test('backs up while it commits; the copy is whole, one file, and marked', () =>
    withFolder(async (folder) => {
      const committer = await open({ file: join(folder, 'state.db') });
      const rows = Array.from({ length: 500 }, (_row, at) => row(`a-${at}`, at + 1, 'x'.repeat(4_000)));
      await committer.commit({ rows, meta: { cluster: 'c' } });
      const copy = join(folder, 'copy.db');
      await Promise.all([
        committer.backup(copy, new AbortController().signal),
        committer.commit({ rows: [row('late', 501)], meta: {} }),
      ]);
      expect(stored(copy).filter((name) => name.startsWith('a-')).length).toBe(500);
      expect(look(copy)).toMatchObject({ type: 'database', meta: { cluster: 'c', stop: 'backup' } });
      expect([`${copy}-wal`, `${copy}.partial`].filter((path) => existsSync(path))).toEqual([]);
      await expect(committer.backup(copy, new AbortController().signal)).rejects.toMatchObject({ code: 'Exists' });
      await committer.close();
    }));

  test('an aborted backup leaves no copy, and commits go on', () =>
    withFolder(async (folder) => {
      const committer = await open({ file: join(folder, 'state.db') });
      const rows = Array.from({ length: 2_000 }, (_row, at) => row(`a-${at}`, at + 1, 'x'.repeat(4_000)));
      await committer.commit({ rows, meta: {} });
      const copy = join(folder, 'copy.db');
      await committer.backup(copy, AbortSignal.abort());
      const abort = new AbortController();
      const backup = committer.backup(copy, abort.signal);
      abort.abort();
      await backup;
      expect([copy, `${copy}.partial`].filter((path) => existsSync(path))).toEqual([]);
      await committer.commit({ rows: [row('b', 2)], meta: {} });
      await committer.close();
    }));

  test('gives free pages back in bounded passes until enough are gone', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'state.db');
      const committer = await open({ file });
      const names = Array.from({ length: 2_000 }, (_, at) => `a-${at}`);
      await committer.commit({ rows: names.map((name, at) => row(name, at, 'x'.repeat(4_000))), meta: {} });
      expect(await committer.vacuum()).toBe(false);
      await committer.commit({ rows: names.slice(100).map(gone), meta: {} });
      let passes = 1;
      while (await committer.vacuum()) passes += 1;
      await committer.close();
      expect(passes).toBeGreaterThan(2);
      const db = new Sqlite(file, { readonly: true });
      expect(Number(db.pragma('page_count', { simple: true }))).toBeLessThan(2_000);
      db.close();
      expect(stored(file).length).toBe(100);
    }));
});

test('a worker that dies is replaced, and what it had not answered is done', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const workers: ReturnType<typeof spawnTestWorker>[] = [];
    const spawn = (role: 'committer', data: unknown) => {
      const worker = spawnTestWorker(role, data);
      workers.push(worker);
      return worker;
    };
    const committer = await workerCommitter({ file }, spawn, silentLog);
    for (let revision = 1; revision <= 3; revision += 1) {
      const committed = committer.commit({ rows: [row(`a-${revision}`, revision)], meta: {} });
      await workers.at(-1)?.terminate();
      await committed;
    }
    await committer.close();
    expect(workers.length).toBeGreaterThan(1);
    expect(stored(file)).toEqual(['a-1@1', 'a-2@2', 'a-3@3']);
  }));

test('a worker that dies every time is given up: what waits fails, and so does what comes', () =>
  withFolder(async (folder) => {
    const workers: ReturnType<typeof spawnTestWorker>[] = [];
    const spawn = (role: 'committer', data: unknown) => {
      const worker = spawnTestWorker(role, data);
      if (workers.push(worker) > 1) void worker.terminate();
      return worker;
    };
    const committer = await workerCommitter({ file: join(folder, 'state.db') }, spawn, silentLog);
    await workers[0]?.terminate();
    for (const name of ['a', 'b'])
      await expect(committer.commit({ rows: [row(name, 1)], meta: {} })).rejects.toMatchObject({ code: 'CommitterDied' });
    expect(workers.length).toBe(3);
    await committer.close();
  }));
