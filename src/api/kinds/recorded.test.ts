import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { apiVersion } from '../registry.ts';
import { builtinResources } from './builtin.ts';
import { validateObjectMeta } from './meta.ts';

/** What a real kube-apiserver 1.20 gave, replayed; where 1.36, ARCHITECTURE.md (Deviations) or another part of the server does it, the difference stands here. */
type Recorded = Readonly<Record<string, { readonly in: KubeObject; readonly out: KubeObject }>>;

function load<T>(file: string): T {
  // The recordings are ours and of this shape; the tests fail on any other.
  return JSON.parse(readFileSync(`test/support/k8s/${file}.json`, 'utf8')) as T;
}

const recorded = load<Recorded>('defaults');

/** Set by the pipeline or the store. */
const SYSTEM = ['namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation'] as const;

/** Path → why and what stands there instead of what was recorded. */
const DIFFERENT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // The not-ready and unreachable tolerations are admission's, and without seconds (ARCHITECTURE.md, Deviations).
  'Pod hostNetwork': { 'spec.tolerations': undefined },
  // An empty template creationTimestamp is no longer written.
  Deployment: { 'spec.template.metadata.creationTimestamp': undefined },
  ReplicaSet: { 'spec.template.metadata.creationTimestamp': undefined },
  DaemonSet: { 'spec.template.metadata.creationTimestamp': undefined, 'spec.updateStrategy.rollingUpdate.maxSurge': 0 },
  // Since 1.21 and 1.22; addresses and node ports are allotted elsewhere.
  Service: {
    'spec.internalTrafficPolicy': 'Cluster',
    'spec.ipFamilyPolicy': 'SingleStack',
    'spec.ipFamilies': ['IPv4'],
    'spec.clusterIP': undefined,
    'spec.clusterIPs': undefined,
  },
  'Service NodePort': {
    'spec.internalTrafficPolicy': 'Cluster',
    'spec.ipFamilyPolicy': 'SingleStack',
    'spec.ipFamilies': ['IPv4'],
    'spec.clusterIP': undefined,
    'spec.clusterIPs': undefined,
    'spec.ports.0.nodePort': undefined,
  },
  'Service LB': {
    'spec.internalTrafficPolicy': 'Cluster',
    'spec.allocateLoadBalancerNodePorts': true,
    'spec.ipFamilyPolicy': 'SingleStack',
    'spec.ipFamilies': ['IPv4'],
    'spec.clusterIP': undefined,
    'spec.clusterIPs': undefined,
    'spec.ports.0.nodePort': undefined,
    'spec.healthCheckNodePort': undefined,
  },
  'Service headless': {
    'spec.internalTrafficPolicy': 'Cluster',
    'spec.ipFamilyPolicy': 'SingleStack',
    'spec.ipFamilies': ['IPv4'],
  },
  // Since 1.21.
  Namespace: { 'metadata.labels': { 'kubernetes.io/metadata.name': 'd1' } },
};

function resourceOf(object: KubeObject) {
  return builtinResources.find(
    ({ kind, group, versions }) => kind === object.kind && apiVersion(group, versions[0]?.version ?? '') === object.apiVersion,
  )!;
}

function created(object: KubeObject): KubeObject {
  const { strategy } = resourceOf(object);
  const defaulted = strategy.default(object);
  return strategy.default(strategy.prepareForCreate?.(defaulted) ?? defaulted);
}

function withDifferences(name: string, object: KubeObject): KubeObject {
  const copy = structuredClone(object) as Record<string, unknown>;
  for (const [path, value] of Object.entries(DIFFERENT[name] ?? {})) {
    const keys = path.split('.');
    const last = keys.pop()!;
    const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, copy);
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  }
  return copy as unknown as KubeObject;
}

test.each(Object.keys(recorded))('%s comes out as recorded', (name) => {
  const { in: given, out } = recorded[name]!;
  const metadata = Object.fromEntries(Object.entries(out.metadata).filter(([field]) => !SYSTEM.some((each) => each === field)));
  expect(created(given)).toEqual(withDifferences(name, { ...out, metadata }));
});

test.each(Object.keys(recorded))('%s is valid, and valid as its own update', (name) => {
  const resource = resourceOf(recorded[name]!.in);
  const object = created(recorded[name]!.in);
  const placed = resource.namespaced ? { ...object, metadata: { ...object.metadata, namespace: 'default' } } : object;
  expect(validateObjectMeta(resource, placed)).toEqual([]);
  expect(resource.strategy.validate(placed)).toEqual([]);
  expect(resource.strategy.validateUpdate?.(placed, placed) ?? []).toEqual([]);
  expect(resource.strategy.validateStatusUpdate?.(placed, placed) ?? []).toEqual([]);
  expect(resource.strategy.default(placed)).toEqual(placed);
  const updated = resource.strategy.prepareForUpdate?.(placed, placed) ?? placed;
  expect(updated).toEqual(placed);
});

type RecordedColumn = { readonly name: string; readonly type: string; readonly format: string; readonly priority: number };

const tables = load<Readonly<Record<string, readonly RecordedColumn[]>>>('tables');

/** Since 1.22 the count is followed by the time of the last restart. */
const NEW_TYPES: Readonly<Record<string, string>> = { 'pods.v1/Restarts': 'string' };

test.each(Object.keys(tables))('the columns of %s are as recorded', (name) => {
  const resource = builtinResources.find(
    ({ group, plural, versions }) => `${plural}.${apiVersion(group, versions[0]?.version ?? '')}` === name,
  )!;
  const expected = tables[name]!.map((each) => ({ ...each, type: NEW_TYPES[`${name}/${each.name}`] ?? each.type }));
  expect(
    resource.columns.map((each) => ({ name: each.name, type: each.type, format: each.format ?? '', priority: each.priority })),
  ).toEqual(expected);
  expect(resource.columns.every(({ description }) => description !== '')).toBe(true);
});

test('a row has a cell for every column', () => {
  for (const { in: given } of Object.values(recorded)) {
    const resource = resourceOf(given);
    expect(resource.cells(created(given), 0)).toHaveLength(resource.columns.length);
  }
});
