import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiWorld, type ApiWorld } from '../../../test/support/api-world.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { ObjectMeta } from '../../api/object.ts';

/** Deletions over HTTP: what is gone at once, what waits for its grace or its finalizers, and what a second delete changes. */
const CORE = '/api/v1/namespaces/default';
const clock = manualClock();

let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({ clock });
  await world.call('POST', `${CORE}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
});
afterAll(() => world.stop());

async function metadataOf(reply: ReturnType<ApiWorld['call']>): Promise<ObjectMeta> {
  const { status, json } = await reply;
  expect(status).toBeLessThan(300);
  return (json() as { readonly metadata: ObjectMeta }).metadata;
}

const remove = (path: string, options: object = {}) => world.call('DELETE', `${CORE}/${path}`, options);

async function makePod(name: string, spec: object, metadata: object = {}): Promise<ObjectMeta> {
  const containers = [{ name: 'c', image: 'app' }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec: { containers, ...spec } };
  return metadataOf(world.call('POST', `${CORE}/pods`, pod));
}

test('a pod on a node has its grace; a second delete shortens it, from the first on, and nothing lengthens it', async () => {
  await makePod('slow', { nodeName: 'n1', terminationGracePeriodSeconds: 40 });
  const at = (seconds: number) => new Date(clock.now() + seconds * 1000).toISOString().replace(/\.\d+/, '');
  const inTime = at(60);
  const first = await metadataOf(remove('pods/slow', { gracePeriodSeconds: 60 }));
  expect(first).toMatchObject({ deletionGracePeriodSeconds: 60, deletionTimestamp: inTime, generation: 2 });
  const sooner = at(20);
  await clock.advance(5_000);
  expect(await metadataOf(remove('pods/slow'))).toEqual(first);
  expect(await metadataOf(remove('pods/slow', { gracePeriodSeconds: 90 }))).toEqual(first);
  const second = await metadataOf(remove('pods/slow', { gracePeriodSeconds: 20 }));
  expect(second).toMatchObject({ deletionGracePeriodSeconds: 20, deletionTimestamp: sooner, generation: 2 });
  expect(await metadataOf(remove('pods/slow?gracePeriodSeconds=-5'))).toMatchObject({ deletionGracePeriodSeconds: 1 });
  await remove('pods/slow', { gracePeriodSeconds: 0 });
  expect((await world.call('GET', `${CORE}/pods/slow`)).status).toBe(404);
});

test('a pod on no node, and what knows no grace, is gone at once, unless finalizers hold it', async () => {
  await makePod('nowhere', {});
  const reply = await remove('pods/nowhere', { gracePeriodSeconds: 30 });
  expect(reply.json()).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'nowhere', kind: 'pods' } });
  await makePod('held', {}, { finalizers: ['example.com/hold'] });
  const held = await metadataOf(remove('pods/held'));
  expect(held).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers: ['example.com/hold'] });
  expect(await metadataOf(remove('pods/held'))).toEqual(held);
  const merge = { 'content-type': 'application/merge-patch+json' };
  await world.call('PATCH', `${CORE}/pods/held`, { metadata: { finalizers: null } }, merge);
  expect((await world.call('GET', `${CORE}/pods/held`)).status).toBe(404);
});

test('who deletes last says what becomes of the dependents', async () => {
  await world.call('POST', `${CORE}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner' } });
  const finalizers = async (options: object) => (await metadataOf(remove('configmaps/owner', options))).finalizers;
  expect(await finalizers({ propagationPolicy: 'Orphan' })).toEqual(['orphan']);
  expect(await finalizers({ propagationPolicy: 'Foreground' })).toEqual(['foregroundDeletion']);
  expect(await finalizers({})).toEqual(['foregroundDeletion']);
  expect(await finalizers({ orphanDependents: true })).toEqual(['orphan']);
  expect((await remove('configmaps/owner', { propagationPolicy: 'Background' })).json()).toMatchObject({ status: 'Success' });
});

test('options that are not understood delete nothing', async () => {
  await world.call('POST', `${CORE}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' } });
  for (const body of [
    { preconditions: { uid: 5 } },
    { preconditions: 'x' },
    { gracePeriodSeconds: [] },
    { gracePeriodSeconds: '0' },
    { gracePeriodSeconds: 1.5 },
    { dryRun: 'All' },
    { orphanDependents: 'no' },
    [],
    5,
  ]) {
    const reply = await world.call('DELETE', `${CORE}/configmaps/kept`, body);
    expect(reply.status, `${JSON.stringify(body)}: ${reply.text}`).toBe(400);
  }
  expect((await world.call('DELETE', `${CORE}/configmaps/kept?gracePeriodSeconds=1e3`)).status).toBe(400);
  expect((await world.call('GET', `${CORE}/configmaps/kept`)).status).toBe(200);
});
