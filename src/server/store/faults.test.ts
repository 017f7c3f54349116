import { copyFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import type { Write } from '#rest/storage.ts';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import type { Committer } from './committer.ts';
import { look } from './look.ts';
import { BLOCK_REVISIONS } from './revisions.ts';
import type { Store } from './store.ts';

const put = (name: string, text = '', rest: Partial<Write> = {}): Write => ({
  key: { resource: 'configmaps', namespace: 'default', name },
  object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } },
  ...rest,
});

const remove = (name: string): Write => ({ ...put(name), object: undefined });

const absent = { expect: { absent: true } } as const;

const names = (store: Store) =>
  store
    .view()
    .list('configmaps')
    .map(({ metadata }) => metadata.name);

/** A disk whose commits wait until they are let go, or fail as they are told to. */
function faultyDisk() {
  const groups: number[] = [];
  let fault: string | undefined;
  let once = false;
  let gate: { readonly open: () => void; readonly opened: Promise<void> } | undefined;
  const wrapCommitter = (committer: Committer): Committer => ({
    ...committer,
    commit: async (group) => {
      groups.push(group.rows.length);
      await gate?.opened;
      const sqlite = fault;
      if (once) fault = undefined;
      if (sqlite !== undefined) throw new SkerryError('DiskFailed', 'write to the disk', { details: { sqlite } });
      return committer.commit(group);
    },
  });
  return {
    wrapCommitter,
    /** Rows of each group that reached the disk. */
    groups,
    fail: (sqlite: string | undefined, times: 'once' | 'always' = 'always') => {
      fault = sqlite;
      once = times === 'once';
    },
    hold: () => {
      let open = () => undefined as void;
      const opened = new Promise<void>((resolve) => (open = resolve));
      gate = { open, opened };
      return () => {
        gate = undefined;
        open();
      };
    },
  };
}

const codes = async (commits: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(commits)).map((end) => (end.status === 'fulfilled' ? 'ok' : (end.reason as SkerryError).code));

test('a full disk: writes fail and say so, reads and memory-only writes go on, and after making room all works again', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    let store = await openTestStore({ file, limits: { databaseBytesMax: 512 * 1024 } });
    let count = 0;
    let failure: unknown;
    while (failure === undefined) {
      await store.storage.commit([put(`c${count}`, 'x'.repeat(10_000))]).then(
        () => (count += 1),
        (error: unknown) => (failure = error),
      );
    }
    expect(count).toBeGreaterThan(10);
    expect(failure).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringMatching(/state\.db: the disk is full.*make room/),
    });
    expect(store.trouble()).toBe(failure);
    expect(names(store).length).toBe(count);
    expect(await codes([store.storage.commit([put('lease', '', { durable: false })])])).toEqual(['ok']);

    await store.storage.commit(['c0', 'c1', 'c2'].map(remove));
    await store.storage.commit([put('late', 'x'.repeat(10_000), absent)]);
    expect(store.trouble()).toBe(undefined);
    await store.close();
    store = await openTestStore({ file });
    expect([names(store).length, names(store).includes('late')]).toEqual([count - 2, true]);
    await store.close();
  }));

test('a start on a full disk: reads go on, and what the start had to say goes with the first write that works', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const first = await openTestStore({ file });
    const { revision } = await first.storage.commit([put('a')]);
    await first.close();

    const disk = faultyDisk();
    disk.fail('SQLITE_FULL');
    const store = await openTestStore({ file, firstStart: false, wrapCommitter: disk.wrapCommitter });
    expect([names(store), store.trouble()?.code]).toEqual([['a'], 'ServiceUnavailable']);
    expect(await codes([store.storage.commit([put('b')])])).toEqual(['ServiceUnavailable']);
    disk.fail(undefined);
    const [renewed, written] = await Promise.all([store.newIncarnation(), store.storage.commit([put('b')])]);
    expect(written.revision).toBeGreaterThan(revision);
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
    await store.close();
    const found = look(copy);
    expect(found).toMatchObject({ meta: { stop: 'running', incarnation: renewed.id, confirmed: 'no' } });
    expect(found.type === 'database' && (found.meta.reserved ?? 0) > written.revision).toBe(true);
  }));

test('a confirmation that could not be written on a full disk is not written later, when nobody asks for it any more', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const disk = faultyDisk();
    disk.fail('SQLITE_FULL');
    const store = await openTestStore({ file, firstStart: false, wrapCommitter: disk.wrapCommitter });
    const commits = [store.confirm(), store.storage.commit([put('a')])];
    expect(await codes(commits)).toEqual(['ServiceUnavailable', 'ServiceUnavailable']);
    disk.fail(undefined);
    await store.storage.commit([put('b')]);
    const { id } = store.incarnation();
    await store.close();
    expect(look(file)).toMatchObject({ type: 'database', meta: { incarnation: id, confirmed: 'no' } });
  }));

test('what a start owes the disk never takes back what was written after it', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const disk = faultyDisk();
    disk.fail('SQLITE_FULL');
    const store = await openTestStore({ file, firstStart: false, wrapCommitter: disk.wrapCommitter });
    disk.fail(undefined);
    const letGo = disk.hold();
    const first = store.storage.commit([put('a')]);
    await new Promise((resolve) => void setImmediate(resolve));
    const all = [first, store.confirm(), store.storage.commit([put('b')])];
    letGo();
    expect(await codes(all)).toEqual(['ok', 'ok', 'ok']);
    await store.close();
    expect(look(file)).toMatchObject({ meta: { confirmed: 'yes' } });
  }));

test('a stop on a failing disk is still a stop', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const failing = (committer: Committer): Committer => ({
      ...committer,
      close: async () => {
        await committer.close();
        throw new SkerryError('DiskFailed', 'close');
      },
    });
    const store = await openTestStore({ file, wrapCommitter: failing });
    await store.storage.commit([put('a')]);
    await store.close();
    const again = await openTestStore({ file });
    expect(names(again)).toEqual(['a']);
    await again.close();
  }));

test('a failed commit fails everything behind it, and nothing of it remains: the next writes see what was there before', async () => {
  const disk = faultyDisk();
  const store = await openTestStore({ wrapCommitter: disk.wrapCommitter });
  const { storage } = store;
  await storage.commit([put('a', 'old')]);
  const { revision } = await storage.commit([put('b', 'old')]);
  const release = disk.hold();
  const first = storage.commit([put('a', 'new'), put('c', '', absent)]);
  await Promise.resolve();
  disk.fail('SQLITE_IOERR_WRITE', 'once');
  const behind = [
    storage.commit([put('d', '', absent)]),
    storage.commit([put('c', '', { expect: {} })]),
    storage.commit([put('lease', '', { durable: false })]),
    storage.commit([remove('b')]),
    storage.commit([]),
  ];
  release();
  expect(await codes([first, ...behind])).toEqual(Array.from({ length: 6 }, () => 'ServiceUnavailable'));
  await expect(first).rejects.toThrow(/the disk reports an error.*SQLITE_IOERR_WRITE/);
  expect([names(store), storage.revision()]).toEqual([['a', 'b'], revision]);

  const again = [
    storage.commit([put('a', 'newer', { expect: { revision: 2 } })]),
    storage.commit([put('c', '', absent)]),
    storage.commit([put('b', '', { expect: { revision } })]),
  ];
  expect(await codes(again)).toEqual(['ok', 'ok', 'ok']);
  expect((await again[0])?.revision).toBeGreaterThan(revision + 6);
  await store.close();
});

test('a slow disk: what is queued meanwhile goes together, nobody sees it before it is durable', async () => {
  const disk = faultyDisk();
  const store = await openTestStore({ wrapCommitter: disk.wrapCommitter });
  const seen: number[] = [];
  store.storage.watch(store.storage.revision(), { batch: (entries) => void seen.push(entries.length), ended: () => undefined });
  disk.groups.length = 0;
  const release = disk.hold();
  const first = store.storage.commit([put('first')]);
  await Promise.resolve();
  const rest = Array.from({ length: 100 }, (_, at) => store.storage.commit([put(`c${at}`), put(`d${at}`)]));
  await new Promise((resolve) => void setImmediate(resolve));
  expect([disk.groups, names(store), seen]).toEqual([[1], [], []]);
  release();
  await Promise.all([first, ...rest]);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(disk.groups).toEqual([1, 200]);
  expect(seen).toEqual([1, ...Array.from({ length: 100 }, () => 2)]);
  await store.close();
});

test('a precondition sees the last of several writes on their way, also when those before it have arrived', async () => {
  const disk = faultyDisk();
  const store = await openTestStore({ wrapCommitter: disk.wrapCommitter });
  const { storage } = store;
  const releaseFirst = disk.hold();
  const first = storage.commit([put('a')]);
  await Promise.resolve();
  const second = storage.commit([put('a')]);
  releaseFirst();
  const releaseSecond = disk.hold();
  await first;
  const ends = [
    storage.commit([put('a', '', { expect: { revision: (await first).revision } })]),
    storage.commit([put('a', '', { expect: { revision: (await first).revision + 1 } })]),
  ];
  releaseSecond();
  expect(await codes([second, ...ends])).toEqual(['ok', 'Conflict', 'ok']);
  await store.close();
});

test('a block of revisions whose reservation failed is reserved again before any of it is seen', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const disk = faultyDisk();
    const store = await openTestStore({ file, wrapCommitter: disk.wrapCommitter, freeze: false });
    disk.fail('SQLITE_FULL');
    const writes = Array.from({ length: 1_000 }, (_, at) => put(`c${at}`));
    for (let failed = 0; failed < (1.2 * BLOCK_REVISIONS) / 1_000; failed += 1)
      expect(await codes([store.storage.commit(writes)])).toEqual(['ServiceUnavailable']);
    disk.fail(undefined);
    const { revision } = await store.storage.commit([put('a')]);
    expect(revision).toBeGreaterThan(BLOCK_REVISIONS);
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
    await store.close();
    const found = look(copy);
    expect(found.type === 'database' && (found.meta.reserved ?? 0) >= revision).toBe(true);
  }));

test('a disk that is slower than what is written: more is refused, what was accepted is done', async () => {
  const disk = faultyDisk();
  const store = await openTestStore({ wrapCommitter: disk.wrapCommitter, freeze: false });
  const release = disk.hold();
  const text = 'x'.repeat(1024 ** 2);
  const commits = Array.from({ length: 80 }, (_, at) => store.storage.commit([put(`c${at}`, text)]));
  release();
  const ends = await codes(commits);
  expect(ends.slice(0, 63).every((end) => end === 'ok')).toBe(true);
  expect(ends.at(-1)).toBe('TooManyRequests');
  expect(await codes([store.storage.commit([put('later')])])).toEqual(['ok']);
  await store.close();
});

test('a database found corrupt while it runs: no more writes, reads go on', async () => {
  const disk = faultyDisk();
  const store = await openTestStore({ wrapCommitter: disk.wrapCommitter });
  await store.storage.commit([put('a')]);
  disk.fail('SQLITE_CORRUPT_VTAB');
  expect(await codes([store.storage.commit([put('b')])])).toEqual(['ServiceUnavailable']);
  disk.fail(undefined);
  await expect(store.storage.commit([put('b')])).rejects.toThrow(/corrupt; restart the server/);
  expect([store.trouble()?.code, names(store)]).toEqual(['ServiceUnavailable', ['a']]);
  await store.close();
});

test('a lost tail of the log: what is left is the state after one of the commits, and no revision comes again', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const store = await openTestStore({ file });
    const commits = 20;
    let last = 0;
    for (let at = 1; at <= commits; at += 1)
      last = (await store.storage.commit([put('left', `${at} ${'x'.repeat(9_000)}`), put('right', `${at}`)])).revision;
    const logBytes = statSync(`${file}-wal`).size;
    const copies: string[] = [];
    for (let kept = 0; kept <= 24; kept += 1) {
      const copy = join(folder, `copy-${kept}.db`);
      for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
      truncateSync(`${copy}-wal`, Math.floor((logBytes * kept) / 24));
      copies.push(copy);
    }
    await store.close();
    expect(readFileSync(file).length).toBeGreaterThan(0);

    const states = new Set<string>();
    for (const copy of copies) {
      const left = await openTestStore({ file: copy, firstStart: false });
      const [a, b] = ['left', 'right'].map((name) => {
        // The tests' own objects.
        const object = left.view().get('configmaps', 'default', name) as { data: { text: string } } | undefined;
        return object?.data.text.split(' ')[0] ?? 'none';
      });
      expect(a).toBe(b);
      states.add(a ?? '');
      if (a !== 'none') expect(left.storage.revision()).toBeGreaterThan(last);
      await left.close();
    }
    expect(states.size).toBeGreaterThan(10);
    expect(states.has(String(commits))).toBe(true);
  }));
