import { expect, test } from 'vitest';
import { aPod } from '../../../test/support/cluster-objects.ts';
import { sentenceOf, viewOf, World } from '../../../test/support/view-of.ts';
import { configMapResource } from '../../api/kinds/config-map.ts';
import type { Namespace } from '../../api/kinds/namespace.ts';
import { nodeResource } from '../../api/kinds/node.ts';
import { podResource } from '../../api/kinds/pod.ts';
import { createRegistry } from '../../api/registry.ts';
import { EVENT_TTL_MS, EVENTS_PER_NAMESPACE_MAX, eventExpiry } from './event-expiry.ts';
import { namespaceDefaults, systemNamespaces } from './namespace-defaults.ts';
import { namespaceDeletion } from './namespace-deletion.ts';
import { podGc } from './pod-gc.ts';

const DELETION = namespaceDeletion(() => createRegistry([configMapResource, podResource, nodeResource]));
const NOW = Date.parse('2026-01-01T00:00:00Z');

function aNamespace(name: string, deletionTimestamp?: string): Namespace {
  const metadata = { name, uid: `uid-${name}`, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata,
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Terminating' },
  };
}

const aConfigMap = (name: string, namespace: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, finalizers: ['x/y'] },
});

test('a namespace that is going is emptied, pods first, then let go', () => {
  const world = new World();
  world.add('namespaces', aNamespace('team', '2026-01-01T00:00:00Z'));
  world.add('configmaps', aConfigMap('cm', 'team'));
  world.add('configmaps', aConfigMap('other', 'default'));
  world.add('pods', aPod('p', { metadata: { namespace: 'team' } }));
  world.run(DELETION, 'team', NOW);
  const conditions = (world.all('namespaces')[0] as Namespace).status?.conditions ?? [];
  expect(conditions.filter(({ status }) => status === 'True').map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
    'SomeResourcesRemain: Some resources are remaining: configmaps has 1 resource instances, pods has 1 resource instances',
    'SomeFinalizersRemain: Some content in the namespace has finalizers remaining: x/y in 1 resource instances',
  ]);
  world.run(DELETION, 'team', NOW);
  world.run(DELETION, 'team', NOW);
  // It was admitted before the namespace began to go, and was still on its way to the disk.
  world.add('configmaps', aConfigMap('late', 'team'));
  world.run(DELETION, 'team', NOW);
  world.run(DELETION, 'team', NOW);
  world.run(DELETION, 'team', NOW);
  expect(world.story).toEqual([
    'delete pods p (Background)',
    'delete configmaps cm (Background)',
    'delete configmaps late (Background)',
    'update namespaces/finalize team',
  ]);
  expect((world.all('namespaces')[0] as Namespace).spec?.finalizers).toEqual([]);
  expect(world.all('configmaps')).toHaveLength(1);
});

test('what is already going is waited for, and a namespace that is not going is left alone', () => {
  const going = {
    ...aConfigMap('cm', 'team'),
    metadata: { ...aConfigMap('cm', 'team').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  };
  const view = viewOf([
    { resource: 'namespaces', object: aNamespace('team', '2026-01-01T00:00:00Z') },
    { resource: 'namespaces', object: aNamespace('alive') },
    { resource: 'configmaps', object: going },
  ]);
  expect(DELETION.keys(view)).toEqual(['team']);
  expect(DELETION.reconcile('team', view, NOW).changes.map(({ verb }) => verb)).toEqual(['patch']);
  expect(DELETION.reconcile('alive', view, NOW)).toEqual({ changes: [] });
  expect(DELETION.keysOf({ resource: 'configmaps', before: going }, view)).toEqual(['team']);
});

test('a namespace says why its content can not be deleted', () => {
  const view = viewOf([
    { resource: 'namespaces', object: aNamespace('team', '2026-01-01T00:00:00Z') },
    { resource: 'configmaps', object: aConfigMap('cm', 'team') },
  ]);
  const { changes, refused } = DELETION.reconcile('team', view, NOW);
  const [change] = changes;
  const said = change === undefined ? undefined : refused?.({ change, why: 'not today' });
  expect(said?.changes.map(sentenceOf).join()).toContain(
    '"type":"NamespaceDeletionContentFailure","status":"True","reason":"ContentDeletionFailed","message":"Failed to delete all resource types, 1 remaining: not today"',
  );
});

test('every namespace gets its account and CA bundle, and the bundle follows the CA', () => {
  const world = new World();
  world.add('namespaces', aNamespace('team'));
  world.run(namespaceDefaults('PEM 1'), 'team', NOW);
  world.run(namespaceDefaults('PEM 1'), 'team', NOW);
  world.run(namespaceDefaults('PEM 2'), 'team', NOW);
  expect(world.story).toEqual([
    'create serviceaccounts default',
    'create configmaps kube-root-ca.crt',
    'update configmaps kube-root-ca.crt',
  ]);
  expect(world.all('configmaps')[0]).toMatchObject({ data: { 'ca.crt': 'PEM 2' } });
});

test('the namespaces of every cluster are made when they are missing', () => {
  const view = viewOf([{ resource: 'namespaces', object: aNamespace('default') }]);
  const made = systemNamespaces.keys(view).flatMap((key) => systemNamespaces.reconcile(key, view, NOW).changes.map(sentenceOf));
  expect(made).toEqual(['create namespaces kube-node-lease', 'create namespaces kube-public', 'create namespaces kube-system']);
});

test('events go after an hour, and the oldest when there are too many', () => {
  const anEvent = (name: string, namespace = 'default') => ({
    resource: 'events',
    object: { apiVersion: 'v1', kind: 'Event', metadata: { name, namespace } },
  });
  const ages = { 'events/default/old': EVENT_TTL_MS, 'events/default/young': EVENT_TTL_MS - 1 };
  const few = eventExpiry.reconcile('events', viewOf([anEvent('old'), anEvent('young')], ages), NOW);
  expect(few.changes.map(sentenceOf)).toEqual(['delete events old']);
  const many = Array.from({ length: EVENTS_PER_NAMESPACE_MAX + 2 }, (_, index) => anEvent(`e${index}`, 'loud'));
  const crowded = viewOf([...many, anEvent('quiet', 'calm')], {
    'events/loud/e7': 60_000,
    'events/loud/e8': 70_000,
    'events/calm/quiet': 90_000,
  });
  expect(eventExpiry.reconcile('events', crowded, NOW).changes.map(sentenceOf)).toEqual(['delete events e8', 'delete events e7']);
});

test('pods of a node that is no more go at once, once the store has been open for a while', () => {
  const pods = [aPod('lost', { node: 'gone' }), aPod('unbound')].map((object) => ({ resource: 'pods', object }));
  const young = viewOf(pods, { 'nodes//gone': 10_000 });
  expect(podGc.keys(young)).toEqual(['ended', 'node/gone']);
  expect(podGc.reconcile('node/gone', young, NOW)).toEqual({ changes: [], afterMs: 30_000 });
  const old = viewOf(pods, { 'nodes//gone': 60_000 });
  expect(podGc.reconcile('node/gone', old, NOW).changes.map(sentenceOf)).toEqual(['delete pods lost at once']);
});
