import { expect, test } from 'vitest';
import { aNode, aPod } from '../../test/support/cluster-objects.ts';
import { openTestStore } from '../../test/support/store.ts';
import { parseConfirmAnswer } from '../api/confirm.ts';
import { confirmPath } from './confirm.ts';

async function confirmed(firstStart: boolean) {
  const store = await openTestStore({ firstStart });
  const standing = [
    ...['a', 'b', 'c'].map((name) => ({ resource: 'nodes', object: aNode(name) })),
    { resource: 'pods', object: aPod('runs', { node: 'a' }) },
    { resource: 'pods', object: aPod('runs-too', { node: 'b', status: { phase: 'Running' } }) },
    { resource: 'pods', object: aPod('done', { node: 'b', status: { phase: 'Succeeded' } }) },
    { resource: 'pods', object: aPod('nowhere') },
    { resource: 'pods', object: aPod('lost', { node: 'gone' }) },
  ];
  await store.storage.commit(
    standing.map(({ resource, object }) => ({
      key: { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' },
      object,
    })),
  );
  let told = 0;
  const paths = confirmPath({ store, isConnected: (node) => node === 'a', confirmed: () => (told += 1) });
  const ask = async () => {
    const answer = await paths['POST /skerry.dev/v1/confirm']?.();
    return parseConfirmAnswer(JSON.parse(answer?.type === 'value' ? String(answer.body) : ''));
  };
  return { ask, told: () => told, store };
}

test('a database is confirmed once, with what that concerns', async () => {
  const { ask, told, store } = await confirmed(false);
  const { id } = store.incarnation();
  const counts = { incarnation: id, nodes: 3, connected: 1, pods: 2 };
  expect([store.incarnation().confirmed, told()]).toEqual([false, 0]);
  expect(await ask()).toEqual({ ...counts, already: false });
  expect([store.incarnation().confirmed, told()]).toEqual([true, 1]);
  expect(await ask()).toEqual({ ...counts, already: true });
  expect([store.incarnation().id, told()]).toEqual([id, 1]);
  await store.close();
});

test('a first database has nothing to confirm', async () => {
  const { ask, told, store } = await confirmed(true);
  expect(await ask()).toMatchObject({ already: true });
  expect(told()).toBe(0);
  await store.close();
});
