import { describe, expect, test } from 'vitest';
import { WATCHERS_MAX, type Entry, type Watcher } from '#rest/storage.ts';
import { openTestStore } from '../../../test/support/store.ts';
import type { Store } from './store.ts';

const put = (resource: string, name: string, text = '') => ({
  key: { resource, namespace: 'default', name },
  object: { apiVersion: 'v1', kind: 'Thing', metadata: { name }, text },
});

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

const sentence = ({ revision, key, before, after }: Entry) =>
  `${revision} ${before === undefined ? 'added' : after === undefined ? 'deleted' : 'changed'} ${key.name}`;

/** Notes each batch as one line. */
function notes(rest: Partial<Watcher> = {}) {
  const batches: string[] = [];
  const ends: string[] = [];
  const watcher: Watcher = {
    batch: (entries) => void batches.push(entries.map(sentence).join(', ')),
    ended: (why) => void ends.push(why.message),
    ...rest,
  };
  return { watcher, batches, ends };
}

async function fill(store: Store, resource: string, commits: number): Promise<void> {
  for (let at = 0; at < commits; at += 1) await store.storage.commit([put(resource, `${resource}-${at}`)]);
}

test('each commit is one batch, in order, on a later turn', async () => {
  const store = await openTestStore();
  const { watcher, batches } = notes();
  store.storage.watch(1, watcher);
  await store.storage.commit([put('pods', 'a'), put('nodes', 'n')]);
  await Promise.all([
    store.storage.commit([put('pods', 'a')]),
    store.storage.commit([{ key: put('pods', 'a').key, object: undefined }]),
  ]);
  expect(batches).toEqual([]);
  await turn();
  expect(batches).toEqual(['2 added a, 3 added n', '4 changed a', '5 deleted a']);
  await store.close();
});

test('a watch goes on from any revision the ring still holds, also from within a commit', async () => {
  const store = await openTestStore();
  await store.storage.commit([put('pods', 'a'), put('pods', 'b')]);
  await store.storage.commit([put('pods', 'c')]);
  const all = [1, 2, 3, 4, 99].map((revision) => {
    const { watcher, batches } = notes();
    store.storage.watch(revision, watcher);
    return batches;
  });
  await turn();
  expect(all).toEqual([['2 added a, 3 added b', '4 added c'], ['3 added b', '4 added c'], ['4 added c'], [], []]);
  await store.close();
});

test('an old list of a revision within a commit is the one before it: lists name only a commit’s last', async () => {
  const store = await openTestStore();
  await store.storage.commit([put('pods', 'a')]);
  await store.storage.commit([put('pods', 'b'), put('pods', 'c'), put('nodes', 'n')]);
  await store.storage.commit([put('pods', 'd')]);
  const lists = await Promise.all([1, 2, 3, 4, 5, 6].map((revision) => store.storage.list({ resource: 'pods', revision })));
  expect(lists.map(({ revision, items }) => `${revision} ${items.map(({ metadata }) => metadata.name).join('')}`)).toEqual([
    '1 ',
    '2 a',
    '2 a',
    '2 a',
    '5 abc',
    '6 abcd',
  ]);
  await store.close();
});

test('a watch of one resource hears of no other', async () => {
  const store = await openTestStore();
  const { watcher, batches } = notes({ resource: 'pods' });
  store.storage.watch(1, watcher);
  await store.storage.commit([put('nodes', 'n'), put('pods', 'a')]);
  await store.storage.commit([put('nodes', 'n')]);
  await turn();
  expect(batches).toEqual(['3 added a']);
  await store.close();
});

test('a stopped watch hears nothing more, not even of what it had coming', async () => {
  const store = await openTestStore();
  const { watcher, batches, ends } = notes();
  const watch = store.storage.watch(1, watcher);
  await fill(store, 'pods', 2);
  watch.stop();
  await turn();
  await store.close();
  expect([batches, ends]).toEqual([[], []]);
});

describe('too old', () => {
  test('a revision from before this process', async () => {
    const store = await openTestStore();
    await fill(store, 'pods', 1);
    expect(() => store.storage.watch(0, notes().watcher)).toThrow('too old resource version: 0 (1)');
    await expect(store.storage.list({ resource: 'pods', revision: 0 })).rejects.toMatchObject({ code: 'Expired' });
    await store.close();
  });

  test('a revision the ring has lost, by number of changes or by their size', async () => {
    for (const limits of [{ entriesMax: 3 }, { bytesMax: 3_000 }]) {
      const store = await openTestStore({ limits });
      for (let at = 0; at < 10; at += 1) await store.storage.commit([put('pods', 'a', 'x'.repeat(500))]);
      expect(() => store.storage.watch(2, notes().watcher)).toThrow(/too old resource version: 2 \(\d+\)/);
      const { watcher, batches } = notes();
      store.storage.watch(9, watcher);
      await turn();
      expect(batches).toEqual(['10 changed a', '11 changed a']);
      await store.close();
    }
  });

  test('but not for a quiet resource, of which nothing was lost', async () => {
    const store = await openTestStore({ limits: { entriesMax: 3 } });
    await fill(store, 'nodes', 1);
    await fill(store, 'pods', 10);
    const { watcher, batches } = notes({ resource: 'nodes' });
    store.storage.watch(2, watcher);
    expect(() => store.storage.watch(1, notes({ resource: 'nodes' }).watcher)).toThrow('too old resource version: 1 (2)');
    expect((await store.storage.list({ resource: 'nodes', revision: 2 })).items.length).toBe(1);
    await store.storage.commit([put('nodes', 'again')]);
    await turn();
    expect(batches).toEqual(['13 added again']);
    await store.close();
  });
});

test('a watcher that is slow gets the rest when it is ready, and holds up nobody', async () => {
  const store = await openTestStore();
  let ready = () => undefined as void;
  const slow = notes();
  const batch = (entries: readonly Entry[]) => {
    void slow.watcher.batch(entries);
    return new Promise<void>((resolve) => (ready = resolve));
  };
  const quick = notes();
  store.storage.watch(1, { ...slow.watcher, batch });
  store.storage.watch(1, quick.watcher);
  await fill(store, 'pods', 3);
  await turn();
  expect([slow.batches.length, quick.batches.length]).toEqual([1, 3]);
  ready();
  await turn();
  await turn();
  expect(slow.batches.length).toBe(2);
  await store.close();
});

test('a watcher that falls too far behind is ended', async () => {
  const store = await openTestStore({ limits: { watchBacklogMax: 5 } });
  const stuck = notes({ batch: () => new Promise<void>(() => undefined) });
  store.storage.watch(1, stuck.watcher);
  await fill(store, 'pods', 6);
  await turn();
  expect(stuck.ends).toEqual([]);
  await fill(store, 'pods', 1);
  await turn();
  expect(stuck.ends).toEqual(['the watch fell more than 5 changes behind and was ended']);
  await store.close();
});

test('a slow watcher past which the ring has moved on is ended', async () => {
  const store = await openTestStore({ limits: { entriesMax: 3 } });
  const stuck = notes({ batch: () => new Promise<void>(() => undefined) });
  store.storage.watch(1, stuck.watcher);
  await fill(store, 'pods', 1);
  await turn();
  await fill(store, 'pods', 5);
  await turn();
  expect(stuck.ends).toEqual(['too old resource version: 2 (4)']);
  await store.close();
});

test('a watcher that throws or rejects is ended, the others hear on', async () => {
  const store = await openTestStore();
  const throws = notes({
    batch: () => {
      throw new Error('boom');
    },
  });
  const rejects = notes({ batch: () => Promise.reject(new Error('boom')) });
  const good = notes();
  for (const { watcher } of [throws, rejects, good]) store.storage.watch(1, watcher);
  await fill(store, 'pods', 2);
  await turn();
  await turn();
  expect([throws.ends.length, rejects.ends.length, good.batches.length]).toEqual([1, 1, 2]);
  await store.close();
  expect(good.ends).toEqual(['the server is stopping']);
});

test('however many watch one resource, who watches all of them, as our own loops do, is let in', async () => {
  const store = await openTestStore();
  for (let count = 0; count < WATCHERS_MAX; count += 1) store.storage.watch(1, notes({ resource: 'pods' }).watcher);
  expect(() => store.storage.watch(1, notes({ resource: 'pods' }).watcher)).toThrow(/watches are open/);
  const { watcher, batches } = notes();
  store.storage.watch(1, watcher);
  await store.storage.commit([put('nodes', 'n')]);
  await turn();
  expect(batches).toEqual(['2 added n']);
  await store.close();
});
