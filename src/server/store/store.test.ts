import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '#api/object.ts';
import type { Key, Write } from '#rest/storage.ts';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { ENCODED_BYTES_MAX, Encoded } from './encoded.ts';
import { BLOCK_REVISIONS, Revisions } from './revisions.ts';
import type { Store } from './store.ts';

const keyOf = (name: string, resource = 'configmaps'): Key => ({ resource, namespace: 'default', name });

const configMap = (name: string, data: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid: `uid-${name}` },
  data,
});

const put = (name: string, rest: Partial<Write> = {}): Write => ({ key: keyOf(name), object: configMap(name), ...rest });
const remove = (name: string, rest: Partial<Write> = {}): Write => ({ key: keyOf(name), object: undefined, ...rest });

const names = async (store: Store, revision?: number): Promise<readonly string[]> =>
  (await store.storage.list({ resource: 'configmaps', revision })).items.map(({ metadata }) => metadata.name ?? '');

/** `before` is committed one by one; the commit of `writes` must then end with `expected`: an error's code and index, or the names there are. */
async function checkCommit(before: readonly Write[], writes: readonly Write[], expected: string): Promise<void> {
  const store = await openTestStore();
  for (const write of before) await store.storage.commit([write]);
  const revision = store.storage.revision();
  const names_ = await names(store);
  const outcome = await store.storage.commit(writes).then(
    async () => (await names(store)).join(' '),
    (error: { readonly code: string; readonly details: { readonly index: number } }) => `${error.code} ${error.details.index}`,
  );
  expect(outcome).toBe(expected);
  if (/^[A-Z]/.test(expected)) expect([store.storage.revision(), await names(store)]).toEqual([revision, names_]);
  await store.close();
}

describe('preconditions', () => {
  // The first commit of a fresh store gets revision 2.
  test('absent, and it is', () => checkCommit([], [put('a', { expect: { absent: true } })], 'a'));
  test('absent, but it is there', () =>
    checkCommit([put('a')], [put('b'), put('a', { expect: { absent: true } })], 'AlreadyExists 1'));
  test('there, and it is', () => checkCommit([put('a')], [put('a', { expect: {} })], 'a'));
  test('there, but it is not', () => checkCommit([], [put('a', { expect: {} })], 'NotFound 0'));
  test('at a revision, and it is', () => checkCommit([put('a')], [remove('a', { expect: { revision: 2 } })], ''));
  test('at a revision, but it is newer', () =>
    checkCommit([put('a'), put('a')], [put('b'), put('a', { expect: { revision: 2 } })], 'Conflict 1'));
  test('at a revision, but it is gone', () =>
    checkCommit([put('a'), remove('a')], [put('a', { expect: { revision: 2 } })], 'NotFound 0'));
  test('of a uid, and it is', () => checkCommit([put('a')], [remove('a', { expect: { uid: 'uid-a' } })], ''));
  test('of a uid, but it is another', () => checkCommit([put('a')], [remove('a', { expect: { uid: 'x' } })], 'Conflict 0'));
  test('none: it is written whatever is there', () => checkCommit([put('a')], [put('a'), put('b')], 'a b'));
  test('none: deleting what is not there is nothing', () => checkCommit([put('a')], [remove('b')], 'a'));
});

test('errors read as those of the API', async () => {
  const store = await openTestStore();
  const key = { resource: 'deployments.apps', namespace: 'default', name: 'web' };
  await expect(store.storage.commit([{ key, object: configMap('web'), expect: {} }])).rejects.toMatchObject({
    message: 'deployments.apps "web" not found',
    details: { name: 'web', group: 'apps', kind: 'deployments' },
  });
  await store.close();
});

test('preconditions hold against writes that are still on their way, reads and watches see none of them', async () => {
  const store = await openTestStore();
  const { storage } = store;
  const outcomes = Promise.allSettled([
    storage.commit([put('a', { expect: { absent: true } })]),
    storage.commit([put('a', { expect: { absent: true } })]),
    storage.commit([put('a', { expect: { revision: 2 } })]),
    storage.commit([put('a', { expect: { revision: 2 } })]),
    storage.commit([remove('a', { expect: { revision: 3 } })]),
    storage.commit([put('a', { expect: {} })]),
    storage.commit([put('a', { expect: { absent: true } })]),
  ]);
  expect([store.view().get('configmaps', 'default', 'a'), storage.revision()]).toEqual([undefined, 1]);
  const ends = (await outcomes).map((end) => (end.status === 'fulfilled' ? end.value.revision : end.reason.code));
  expect(ends).toEqual([2, 'AlreadyExists', 3, 'Conflict', 4, 'NotFound', 5]);
  await store.close();
});

test('each object gets a revision of its own, a commit is named by its last', async () => {
  const store = await openTestStore();
  const { revision, objects } = await store.storage.commit([put('a'), remove('x'), put('b')]);
  expect([revision, ...objects.map((object) => object?.metadata.resourceVersion)]).toEqual([3, '2', undefined, '3']);
  expect((await store.storage.list({ resource: 'configmaps' })).revision).toBe(3);
  await store.close();
});

test('lists are sorted by namespace and name, and can go on after a place', async () => {
  const store = await openTestStore();
  const places = ['b/a', 'a/z', 'a/b', 'ab/c', 'a/a'].map((text) => text.split('/'));
  for (const [namespace = '', name = ''] of places)
    await store.storage.commit([{ key: { resource: 'pods', namespace, name }, object: configMap(`${namespace}/${name}`) }]);
  const list = async (query: { namespace?: string; after?: { namespace: string; name: string } }) =>
    (await store.storage.list({ resource: 'pods', ...query })).items.map(({ metadata }) => metadata.name).join(' ');
  expect(await list({})).toBe('a/a a/b a/z ab/c b/a');
  expect(await list({ namespace: 'a' })).toBe('a/a a/b a/z');
  expect(await list({ after: { namespace: 'a', name: 'b' } })).toBe('a/z ab/c b/a');
  expect(await list({ namespace: 'a', after: { namespace: 'a', name: 'aa' } })).toBe('a/b a/z');
  expect(await list({ namespace: 'ab', after: { namespace: 'a', name: 'b' } })).toBe('ab/c');
  expect(await list({ namespace: 'a', after: { namespace: 'ab', name: 'c' } })).toBe('');
  await store.close();
});

test('the view knows owners, nodes and the age of writes', async () => {
  const clock = manualClock();
  const store = await openTestStore({ clock });
  const pod = (node: string, owner?: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(owner === undefined ? {} : { ownerReferences: [ownerOf(owner)] }) },
    spec: { nodeName: node },
  });
  const ownerOf = (uid: string) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid, controller: true });
  const look = () => {
    const view = store.view();
    const found = [view.podsOn('n1'), view.podsOn('n2'), view.dependents('o1'), view.dependents('o2')];
    return [...found.map((items) => items.length), view.uncontrolled('pods', 'default').length].join(' ');
  };
  const write = (object: KubeObject | undefined) => store.storage.commit([{ key: keyOf('p', 'pods'), object }]);
  await write(pod('n1', 'o1'));
  expect(look()).toBe('1 0 1 0 0');
  await write(pod('n2', 'o2'));
  expect(look()).toBe('0 1 0 1 0');
  await write(pod(''));
  expect(look()).toBe('0 0 0 0 1');
  await clock.advance(5_000);
  expect(store.view().sinceWriteMs('pods', 'default', 'p')).toBe(5_000);
  await write(undefined);
  expect(look()).toBe('0 0 0 0 0');
  expect(store.view().sinceWriteMs('pods', 'default', 'p')).toBe(5_000);
  await store.close();
});

test('what lives in memory only never reaches the disk, and what moves there leaves no row behind', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    let store = await openTestStore({ file });
    const memory = { durable: false };
    // Name: what it is kept as, write by write; together in one turn, so that they meet on their way.
    const histories: Readonly<Record<string, readonly Write[]>> = {
      disk: [put('disk', memory), put('disk')],
      memory: [put('memory'), put('memory', memory)],
      wandered: [put('wandered'), put('wandered', memory), put('wandered', memory), put('wandered'), put('wandered', memory)],
      deleted: [put('deleted'), put('deleted', memory), remove('deleted')],
      back: [put('back', memory), remove('back'), put('back')],
    };
    await Promise.all(Object.values(histories).flatMap((writes) => writes.map((write) => store.storage.commit([write]))));
    expect(await names(store)).toEqual(['back', 'disk', 'memory', 'wandered']);
    await store.close();
    store = await openTestStore({ file });
    expect(await names(store)).toEqual(['back', 'disk']);
    await store.close();
  }));

test('a start goes on above every revision ever given, also those of failed and of memory-only commits', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    let last = 0;
    for (let start = 0; start < 3; start += 1) {
      const store = await openTestStore({ file });
      expect(store.storage.revision()).toBeGreaterThan(last);
      await store.storage.commit([put('a')]);
      const { revision } = await store.storage.commit([put('b', { durable: false })]);
      last = revision;
      await store.close();
    }
  }));

test('revisions never pass what the disk knows, whatever fails', () => {
  const revisions = new Revisions(0);
  let durable = 0;
  for (let round = 0; round < 500_000; round += 1) {
    const next = revisions.next();
    const asked = revisions.reserve(round % 3 === 0);
    if (asked === undefined) expect(next <= durable).toBe(true);
    else if (round % 7 === 0) revisions.failed();
    else revisions.reserved((durable = asked));
  }
  expect(durable).toBeGreaterThan(4 * BLOCK_REVISIONS);
});

test('an object too big for the store is refused and nothing of its commit remains', async () => {
  const store = await openTestStore();
  const big = configMap('big', { text: 'x'.repeat(4 * 1024 ** 2) });
  await expect(store.storage.commit([put('a'), put('big', { object: big })])).rejects.toMatchObject({
    code: 'RequestEntityTooLarge',
  });
  await store.storage.commit([put('a', { expect: { absent: true } })]);
  expect(await names(store)).toEqual(['a']);
  await store.close();
});

test('what the store keeps can not be changed through what was given to it', async () => {
  const store = await openTestStore();
  const mine = configMap('a', { k: 'v' });
  const { objects } = await store.storage.commit([put('a', { object: mine })]);
  expect(mine.metadata.resourceVersion).toBe(undefined);
  expect(() => Object.assign(objects[0]?.['data'] as object, { k: 'w' })).toThrow(TypeError);
  await store.close();
});

test('the incarnation outlives a restart, is unconfirmed once it is renewed, and confirmed once someone says so', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    let store = await openTestStore({ file, clusterId: 'mine' });
    const first = store.incarnation();
    expect([first.confirmed, store.clusterId]).toEqual([true, 'mine']);
    const second = await store.newIncarnation();
    expect([second.confirmed, second.id === first.id]).toEqual([false, false]);
    expect(second.since).toBeGreaterThan(first.since + 1_000_000);
    await store.close();
    store = await openTestStore({ file, firstStart: false });
    expect([store.incarnation(), store.clusterId]).toEqual([second, 'mine']);
    expect(store.storage.revision()).toBeGreaterThan(second.since);
    expect(await store.confirm()).toEqual({ ...second, confirmed: true });
    await store.close();
    store = await openTestStore({ file, firstStart: false });
    expect(store.incarnation()).toEqual({ ...second, confirmed: true });
    await store.close();
  }));

test('encoded bytes are those of the object, made once, and bounded', async () => {
  const store = await openTestStore();
  await store.storage.commit([put('a', { object: configMap('a', { text: 'grüße' }) })]);
  const object = store.view().list('configmaps')[0];
  if (object === undefined) throw new Error('the object is not there');
  expect(JSON.parse(Buffer.from(store.encoded(object)).toString())).toEqual(object);
  expect(store.encoded(object)).toBe(store.encoded(object));
  await store.close();

  const encoded = new Encoded(100);
  const objects = Array.from({ length: 10 }, (_, at) => configMap(`o${at}`));
  const first = objects.map((each) => encoded.of(each));
  expect(objects.filter((each, at) => encoded.of(each) === first[at]).length).toBeLessThanOrEqual(1);
  expect(ENCODED_BYTES_MAX).toBeGreaterThan(1024 ** 2);
});

test('nothing is accepted after the close, and what was accepted before it is done', async () => {
  const store = await openTestStore();
  const accepted = store.storage.commit([put('a')]);
  const closed = store.close();
  await expect(store.storage.commit([put('b')])).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  expect((await accepted).revision).toBe(2);
  await closed;
});
