import { expect, test } from 'vitest';
import { canonicalBytes, hashOf } from '#api/link/canonical.ts';
import type { KubeObject } from '#api/object.ts';
import { clusterTokens } from '../../../test/support/link-documents.ts';
import { viewOf } from '../../../test/support/view-of.ts';
import { concernedNodes } from './concerned.ts';
import { ItemEncoder } from './item-encoder.ts';
import { itemOf } from './items.ts';
import { project } from './project.ts';

/**
 * The hashes below are those of the first release. They decide which pods an agent counts as changed: if one of them has to be changed for this
 * test to pass, every pod of that shape on every node would be touched by the upgrade. Do not.
 */
const CIDR = '10.32.0.0/11';

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'default',
    uid: '0b5d1f7e-1111-4222-8333-444455556666',
    resourceVersion: '812',
    generation: 3,
    creationTimestamp: '2026-11-20T18:37:10Z',
    labels: { 'pod-template-hash': '7d4b', app: 'web' },
    annotations: { note: 'grüße' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'x', controller: true }],
    finalizers: ['a/b'],
    managedFields: [{ manager: 'kubectl' }],
  },
  spec: {
    nodeName: 'n1',
    restartPolicy: 'Always',
    later: { unknownField: [1.5, true, null] },
    containers: [{ name: 'a', image: 'nginx:1.27', envFrom: [{ configMapRef: { name: 'conf' } }] }],
    imagePullSecrets: [{ name: 'pull' }],
  },
  status: { phase: 'Running' },
};
const configMap: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'conf', namespace: 'default', resourceVersion: '7' },
  data: { b: '2', a: '1' },
  immutable: true,
};
const secret: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pull', namespace: 'default', uid: 'u' },
  type: 'kubernetes.io/dockerconfigjson',
  data: { k: 'e30=' },
};
const node: KubeObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', uid: 'node-uid', labels: { a: 'b' } },
  spec: { podCIDR: '10.32.0.0/25', taints: [] },
  status: { capacity: { cpu: '4' } },
};

const KEY = { resource: 'pods', namespace: 'default', name: 'web-1' };
const TIME = { issuer: clusterTokens.issuer, nowMs: Date.UTC(2026, 10, 21) };

function checkHash(resource: string, object: KubeObject, expected: string): void {
  expect(hashOf(canonicalBytes(itemOf(resource, object, CIDR)))).toBe(expected);
}

test('the items of the first release have the names they always had', () => {
  checkHash('pods', pod, '5f0c24eda193a71ec5466926d69e45cad0541cad27ebefe88489f9fddd940706');
  checkHash('configmaps', configMap, 'd164cc7850e3560b0196302c54f979c420d551b193ad9d30230b0742d7e32def');
  checkHash('secrets', secret, '6f88aba5abec9ac6a984f0ba7b47af543d8f9259f6b37a271d622547c4ba0c98');
  checkHash('nodes', node, 'f30961d9604888f8b6449eb439b21234d3ebe876723b06e60306734afefc13cd');
});

test('what a node does not act on changes no hash', () => {
  const encoder = new ItemEncoder(CIDR, clusterTokens.key);
  const hash = encoder.hash('pods', pod);
  const { metadata } = pod;
  const same: readonly KubeObject[] = [
    { ...pod, status: { phase: 'Pending', reason: 'x' } },
    {
      ...pod,
      metadata: { ...metadata, resourceVersion: '9', generation: 4, managedFields: [], finalizers: [], ownerReferences: [] },
    },
    JSON.parse(JSON.stringify(pod)) as KubeObject,
  ];
  for (const each of same) expect(encoder.hash('pods', each)).toBe(hash);
  const other: readonly KubeObject[] = [
    { ...pod, metadata: { ...metadata, deletionTimestamp: '2026-11-20T18:40:00Z' } },
    { ...pod, metadata: { ...metadata, labels: { app: 'web' } } },
    { ...pod, spec: { ...(pod['spec'] as object), later: {} } },
    { ...pod, status: { phase: 'Failed' } },
  ];
  for (const each of other) expect(encoder.hash('pods', each)).not.toBe(hash);
  expect(hashOf(encoder.bytes('pods', pod))).toBe(hash);
});

test('what others say of a pod is in its item as far as readiness gates name it, and concerns the node', () => {
  const gated = {
    ...pod,
    spec: { ...(pod['spec'] as object), readinessGates: [{ conditionType: 'a/b' }, { conditionType: 'c/d' }] },
  };
  const conditions = ['Ready', 'a/b', 'e/f'].map((type) => ({ type, status: 'True', reason: 'x' }));
  expect(itemOf('pods', { ...pod, status: { conditions } }, CIDR)).not.toHaveProperty('gates');
  expect(itemOf('pods', gated, CIDR)).toMatchObject({ gates: {} });
  const after = { ...gated, status: { conditions } };
  expect(itemOf('pods', after, CIDR)).toMatchObject({ gates: { 'a/b': 'True' } });
  const concerned = (from: KubeObject, to: KubeObject) =>
    concernedNodes({ key: KEY, revision: 9, before: from, after: to }, () => []);
  expect(concerned(gated, after)).toEqual(['n1']);
  expect(concerned(pod, { ...pod, status: { conditions } })).toEqual([]);
});

test('a document has the node, its pods and what they name, each once; what is missing is remembered', () => {
  const standing = [
    { resource: 'pods', object: pod },
    { resource: 'pods', object: { ...pod, metadata: { ...pod.metadata, name: 'web-2', uid: 'two' } } },
    {
      resource: 'pods',
      object: { ...pod, metadata: { ...pod.metadata, name: 'far', uid: 'far' }, spec: { nodeName: 'n2', containers: [] } },
    },
    { resource: 'configmaps', object: configMap },
    { resource: 'configmaps', object: { ...configMap, metadata: { name: 'other', namespace: 'default' } } },
    { resource: 'nodes', object: node },
  ];
  const encoder = new ItemEncoder(CIDR, clusterTokens.key);
  const projection = project(viewOf(standing), 'n1', (source) => encoder.hashOf(source), TIME);
  expect([...projection.own.keys()].toSorted()).toEqual([
    'configmaps/default/conf',
    'node',
    `pods/${pod.metadata.uid}`,
    'pods/two',
  ]);
  expect([...projection.references].toSorted()).toEqual(['configmaps/default/conf', 'secrets/default/pull']);
  expect(projection.own.get('node')).toBe(encoder.hash('nodes', node));
});
