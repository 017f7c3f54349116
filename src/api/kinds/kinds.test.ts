import { expect, test } from 'vitest';
import type { KubeObject, ObjectMeta } from '../object.ts';
import type { Resource } from '../resource.ts';
import { builtinResources } from './builtin.ts';
import { configMapResource, DATA_BYTES_MAX } from './config-map.ts';
import { controllerRevisionResource } from './controller-revision.ts';
import { eventResource } from './event.ts';
import { leaseResource } from './lease.ts';
import { namespaceResource } from './namespace.ts';
import { nodeResource } from './node.ts';
import { secretResource } from './secret.ts';

function object(resource: Resource, fields: object, metadata: ObjectMeta = {}): KubeObject {
  const { group, kind } = resource;
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  return resource.strategy.default({ apiVersion, kind, metadata: { name: 'x', namespace: 'default', ...metadata }, ...fields });
}

const texts = (errors: readonly { readonly field: string; readonly message: string }[]): readonly string[] =>
  errors.map(({ field, message }) => `${field}: ${message}`);

function check(resource: Resource, fields: object, ...expected: readonly string[]): void {
  expect(texts(resource.strategy.validate(object(resource, fields)))).toEqual(expected);
}

function checkUpdate(resource: Resource, next: object, old: object, ...expected: readonly string[]): void {
  expect(texts(resource.strategy.validateUpdate?.(object(resource, next), object(resource, old)) ?? [])).toEqual(expected);
}

test('configmaps', () => {
  check(configMapResource, { data: { 'a.txt': 'x' }, binaryData: { b: 'eA==' } });
  check(
    configMapResource,
    { data: { a: 'x' }, binaryData: { a: 'eA==' } },
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    'binaryData[a]: Invalid value: "a": duplicate of key present in data',
  );
  check(configMapResource, { data: { '..': '' } }, 'data[..]: Invalid value: "..": must not be \'..\'');
  check(configMapResource, { data: { a: 'x'.repeat(DATA_BYTES_MAX) } });
  check(
    configMapResource,
    { data: { a: 'x'.repeat(DATA_BYTES_MAX), b: 'x' } },
    '[]: Too long: may not be more than 1048576 bytes',
  );
  const frozen = { immutable: true, data: { a: 'b' } };
  checkUpdate(configMapResource, frozen, frozen);
  checkUpdate(
    configMapResource,
    { data: { a: 'c' } },
    frozen,
    'immutable: Forbidden: field is immutable when `immutable` is set',
    'data: Forbidden: field is immutable when `immutable` is set',
  );
});

test('secrets', () => {
  check(secretResource, { stringData: { a: 'b' } });
  check(secretResource, { type: 'kubernetes.io/tls' }, 'data[tls.crt]: Required value', 'data[tls.key]: Required value');
  check(secretResource, { type: 'kubernetes.io/basic-auth' }, 'data[username]: Required value', 'data[password]: Required value');
  check(
    secretResource,
    { type: 'kubernetes.io/service-account-token' },
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  );
  checkUpdate(secretResource, { type: 'b' }, { type: 'a' }, 'type: Invalid value: "b": field is immutable');
  const merged = object(secretResource, { data: { a: 'YQ==', b: 'Yg==' }, stringData: { b: 'ß' } });
  expect(merged).toMatchObject({ type: 'Opaque', data: { a: 'YQ==', b: 'w58=' } });
  expect(merged).not.toHaveProperty('stringData');
});

test('nodes', () => {
  check(nodeResource, {
    spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] },
    status: { capacity: { cpu: '4', pods: '110' } },
  });
  check(
    nodeResource,
    {
      spec: {
        taints: [
          { key: 'a', effect: 'NoSchedule' },
          { key: 'a', effect: 'NoSchedule' },
        ],
      },
    },
    'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair',
  );
  check(
    nodeResource,
    { spec: { taints: [{ key: 'a', effect: 'Never' }] } },
    'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  );
  check(
    nodeResource,
    { status: { capacity: { pods: '1.5' } } },
    'status.capacity.pods: Invalid value: "1500m": must be an integer',
    'status.allocatable.pods: Invalid value: "1500m": must be an integer',
  );
  check(
    nodeResource,
    { spec: { podCIDR: '10.0.0.0' } },
    'spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  );
  checkUpdate(nodeResource, { spec: { podCIDR: '10.0.0.0/25' } }, {});
  checkUpdate(
    nodeResource,
    { spec: { podCIDR: '10.0.1.0/25' } },
    { spec: { podCIDR: '10.0.0.0/25' } },
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
  );
  expect(nodeResource.strategy.claims!(object(nodeResource, { spec: { podCIDR: '10.0.0.0/25' } }))).toEqual([
    'pod-cidr/10.0.0.0/25',
  ]);
});

test('node cells', () => {
  const row = (fields: object, metadata: ObjectMeta = {}) =>
    nodeResource.cells(object(nodeResource, fields, metadata), 0).slice(1, 3);
  const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] });
  expect(row({})).toEqual(['Unknown', '<none>']);
  expect(
    row({ status: ready('True') }, { labels: { 'node-role.kubernetes.io/edge': '', 'kubernetes.io/role': 'agent' } }),
  ).toEqual(['Ready', 'agent,edge']);
  expect(row({ status: ready('Unknown'), spec: { unschedulable: true } })[0]).toBe('NotReady,SchedulingDisabled');
});

test('namespaces', () => {
  const { prepareForCreate, prepareForUpdate, validateStatusUpdate } = namespaceResource.strategy;
  const created = prepareForCreate!(object(namespaceResource, { spec: { finalizers: ['example.com/a'] } }));
  expect(created).toMatchObject({
    metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } },
    spec: { finalizers: ['example.com/a', 'kubernetes'] },
    status: { phase: 'Active' },
  });
  expect(prepareForUpdate!(object(namespaceResource, { spec: { finalizers: [] } }), created)['spec']).toEqual(created['spec']);
  const finalize = namespaceResource.subresources['finalize'];
  if (finalize?.type !== 'update') throw new Error('no finalize');
  const next = { ...object(namespaceResource, {}, { labels: { a: 'b' } }), spec: {} };
  expect(finalize.prepare(next, created)).toEqual({ ...created, spec: {} });
  const terminating = { ...created, status: { phase: 'Terminating' } };
  expect(texts(validateStatusUpdate!(terminating, created))).toEqual([
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ]);
});

test('events', () => {
  check(eventResource, { involvedObject: { namespace: 'default', name: 'p' } });
  check(eventResource, { involvedObject: { name: 'n' } });
  check(
    eventResource,
    { involvedObject: { namespace: 'other' } },
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  );
  check(
    eventResource,
    {
      involvedObject: { namespace: 'default' },
      eventTime: '2026-11-20T12:00:00.000000Z',
      reportingComponent: 'a/b',
      reason: 'R',
    },
    'reportingInstance: Required value',
    'action: Required value',
  );
  const now = Date.parse('2026-11-20T12:00:00Z');
  const cells = (fields: object) => eventResource.cells(object(eventResource, fields), now);
  expect(
    cells({
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
      type: 'Normal',
      reason: 'Pulled',
      message: ' done \n',
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2026-11-20T11:50:00Z',
      lastTimestamp: '2026-11-20T11:59:00Z',
      count: 4,
    }),
  ).toEqual(['60s', 'Normal', 'Pulled', 'pod/web', 'spec.containers{a}', 'kubelet, n1', 'done', '10m', 4, 'x']);
  const series = { count: 7, lastObservedTime: '2026-11-20T11:59:30.000000Z' };
  expect(cells({ involvedObject: {}, eventTime: '2026-11-20T11:50:00.000000Z', reportingComponent: 'a', series })).toEqual([
    '30s',
    '',
    '',
    '',
    '',
    'a',
    '',
    '10m',
    7,
    'x',
  ]);
});

test('leases', () => {
  check(leaseResource, { spec: { holderIdentity: '', leaseDurationSeconds: 15, leaseTransitions: 0 } });
  check(
    leaseResource,
    { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } },
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  );
  const backend = (namespace: string) => leaseResource.strategy.backend!(object(leaseResource, {}, { namespace }));
  expect([backend('kube-node-lease'), backend('kube-system')]).toEqual(['memory', 'disk']);
});

test('controller revisions', () => {
  check(controllerRevisionResource, { revision: 1, data: {} });
  check(
    controllerRevisionResource,
    { revision: -1 },
    'data: Required value: data is mandatory',
    'revision: Invalid value: -1: must be greater than or equal to 0',
  );
  checkUpdate(
    controllerRevisionResource,
    { data: { a: 1 } },
    { data: { a: 2 } },
    'data: Invalid value: {"a":1}: field is immutable',
  );
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'web', uid: 'u', controller: true };
  const row = controllerRevisionResource.cells(
    object(controllerRevisionResource, { revision: 3, data: {} }, { ownerReferences: [owner] }),
    0,
  );
  expect(row.slice(0, 3)).toEqual(['x', 'daemonset.apps/web', 3]);
});

test('rows: ids are unique, objects find their row, selectable fields are texts', () => {
  const ids = builtinResources.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const resource of builtinResources) {
    expect(resource.id).toBe(resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`);
    const empty = object(resource, {});
    for (const value of Object.values(resource.fields).map((of) => of(empty))) expect(typeof value).toBe('string');
  }
});
