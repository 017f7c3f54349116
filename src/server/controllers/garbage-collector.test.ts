import { expect, test } from 'vitest';
import { owner } from '../../../test/support/cluster-objects.ts';
import { World } from '../../../test/support/view-of.ts';
import { configMapResource } from '../../api/kinds/config-map.ts';
import { deploymentResource } from '../../api/kinds/deployment.ts';
import { nodeResource } from '../../api/kinds/node.ts';
import { podResource } from '../../api/kinds/pod.ts';
import { replicaSetResource } from '../../api/kinds/replica-set.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../api/object.ts';
import { createRegistry } from '../../api/registry.ts';
import { garbageCollector } from './garbage-collector.ts';

const REGISTRY = createRegistry([podResource, replicaSetResource, deploymentResource, configMapResource, nodeResource]);
const COLLECTOR = garbageCollector(() => REGISTRY);
const GOING = '2026-01-01T00:00:00Z';

const KINDS: Readonly<Record<string, readonly [string, string, string]>> = {
  rs: ['replicasets.apps', 'apps/v1', 'ReplicaSet'],
  deploy: ['deployments.apps', 'apps/v1', 'Deployment'],
  pod: ['pods', 'v1', 'Pod'],
  cm: ['configmaps', 'v1', 'ConfigMap'],
};

type Thing = { readonly owners?: readonly OwnerReference[]; readonly meta?: ObjectMeta };

/** `{ 'pod/p': { owners: [...] } }` and what the collector does with each of the keys, in order. */
function checkCollects(things: Readonly<Record<string, Thing>>, expected: readonly string[]) {
  const world = worldOf(things);
  for (const key of COLLECTOR.keys(world.view())) world.run(COLLECTOR, key, 0);
  expect(world.story).toEqual(expected);
  return world;
}

function worldOf(things: Readonly<Record<string, Thing>>): World {
  const world = new World();
  for (const [path, { owners, meta }] of Object.entries(things)) {
    const [kindWord = '', name = ''] = path.split('/');
    const [resource = '', apiVersion = '', kind = ''] = KINDS[kindWord] ?? [];
    const metadata: ObjectMeta = {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      ...(owners === undefined ? {} : { ownerReferences: owners }),
      ...meta,
    };
    world.add(resource, { apiVersion, kind, metadata } satisfies KubeObject);
  }
  return world;
}

test('what no owner is left of goes in the background, and takes its own dependents along in turn', () => {
  const things = { 'rs/set': { owners: [owner('web', 'Deployment')] }, 'pod/p': { owners: [owner('set')] } };
  const world = checkCollects(things, ['delete replicasets.apps set (Background)']);
  const [key = ''] = COLLECTOR.keys(world.view());
  world.run(COLLECTOR, key, 0);
  expect(world.story.at(-1)).toBe('delete pods p (Background)');
});

test('an owner of the same name with another uid is another owner', () => {
  checkCollects({ 'rs/set': { meta: { uid: 'new' } }, 'pod/p': { owners: [owner('set')] } }, ['delete pods p (Background)']);
});

test('an owner that is there, or may be, keeps its own', () => {
  checkCollects({ 'rs/set': {}, 'pod/p': { owners: [owner('set')] } }, []);
  checkCollects({ 'pod/p': { owners: [owner('x', 'Widget', 'example.com/v1')] } }, []);
  checkCollects({ 'pod/p': { owners: [owner('x', 'ReplicaSet', 'apps/v1beta9')] } }, []);
});

test('of several owners one is enough; references to the others go', () => {
  const world = checkCollects({ 'rs/set': {}, 'pod/p': { owners: [owner('set'), { ...owner('gone'), controller: false }] } }, [
    'update pods p',
  ]);
  expect(world.all('pods')[0]?.metadata.ownerReferences).toEqual([owner('set')]);
});

test('a cluster-wide owner is found, a namespaced owner of a cluster-wide object is left alone', () => {
  const node = owner('n1', 'Node', 'v1');
  checkCollects({ 'pod/p': { owners: [node] } }, ['delete pods p (Background)']);
  const world = new World();
  world.add('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
  world.add('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', ownerReferences: [node] } });
  world.add('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2', ownerReferences: [owner('gone')] } });
  for (const key of COLLECTOR.keys(world.view())) world.run(COLLECTOR, key, 0);
  expect(world.story).toEqual([]);
});

test('one that names its owner wrongly holds nobody', () => {
  const things = {
    'deploy/web': { meta: { deletionTimestamp: GOING, finalizers: ['foregroundDeletion'] } },
    'cm/cm': { owners: [owner('web', 'Gadget', 'example.com/v1')] },
  };
  const world = worldOf(things);
  world.run(COLLECTOR, 'deployments.apps/default/web', 0);
  expect(world.story).toEqual(['update deployments.apps web']);
});

test('in the foreground dependents go first, those that block hold the owner', () => {
  const going = { deletionTimestamp: GOING, finalizers: ['foregroundDeletion'] };
  const world = worldOf({
    'deploy/web': { meta: going },
    'rs/set': { owners: [owner('web', 'Deployment')] },
    'pod/p': { owners: [owner('set')] },
  });
  world.run(COLLECTOR, 'deployments.apps/default/web', 0);
  expect(world.story).toEqual(['delete replicasets.apps set (Foreground)']);
  expect(world.all('deployments.apps')[0]?.metadata.finalizers).toEqual(['foregroundDeletion']);
  world.run(COLLECTOR, 'deployments.apps/default/web', 0);
  expect(world.all('deployments.apps')[0]?.metadata.finalizers).toEqual([]);
});

test('a dependent that does not block goes too, but is not waited for; one that is also another’s stays', () => {
  const going = { deletionTimestamp: GOING, finalizers: ['foregroundDeletion'] };
  const loose = { ...owner('set'), blockOwnerDeletion: false };
  const world = worldOf({
    'rs/set': { meta: going },
    'rs/other': {},
    'pod/p': { owners: [loose] },
    'pod/q': { owners: [{ ...loose, controller: false }, owner('other')] },
  });
  world.run(COLLECTOR, 'replicasets.apps/default/set', 0);
  expect(world.story).toEqual(['delete pods p (Background)', 'update pods q', 'update replicasets.apps set']);
});

test('orphaned dependents lose the reference before the owner its finalizer', () => {
  const world = worldOf({
    'rs/set': { meta: { deletionTimestamp: GOING, finalizers: ['orphan'] } },
    'pod/p': { owners: [owner('set')] },
  });
  world.run(COLLECTOR, 'replicasets.apps/default/set', 0);
  world.run(COLLECTOR, 'replicasets.apps/default/set', 0);
  expect(world.story).toEqual(['update pods p', 'update replicasets.apps set']);
  expect(world.all('pods')[0]?.metadata.ownerReferences).toEqual([]);
});

test('a deletion is only for the object as it was looked at', () => {
  const world = worldOf({ 'pod/p': { owners: [owner('gone')], meta: { resourceVersion: '7' } } });
  expect(COLLECTOR.reconcile('pods/default/p', world.view(), 0).changes).toMatchObject([
    { verb: 'delete', uid: 'uid-p', resourceVersion: '7' },
  ]);
});

test('news concern the dependents of what is gone, owners that may wait, and what has new owners; a status concerns nobody', () => {
  const world = worldOf({ 'rs/set': {}, 'pod/p': { owners: [owner('set')] }, 'pod/free': {} });
  const view = world.view();
  const [p, free] = ['p', 'free'].map((name) => view.get('pods', 'default', name) as KubeObject);
  const set = view.get('replicasets.apps', 'default', 'set') as KubeObject;
  const keys = (resource: string, before?: KubeObject, after?: KubeObject) =>
    COLLECTOR.keysOf({ resource, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }, view);
  expect(keys('replicasets.apps', set)).toEqual(['pods/default/p']);
  expect(keys('pods', p)).toEqual(['replicasets.apps/default/set']);
  expect(keys('pods', undefined, p)).toEqual(['pods/default/p']);
  expect(keys('pods', p, { ...(p as KubeObject), status: {} })).toEqual([]);
  expect(keys('pods', undefined, free)).toEqual([]);
});
