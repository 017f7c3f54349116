import { expect, test } from 'vitest';
import type { CoreEvent, Deployment, Lease, Pod, Scale } from '../generated/types.ts';
import type { KubeObject } from '../object.ts';
import { defineResource } from '../resource.ts';
import type { Resource } from '../resource.ts';

/** That the generated types fit the contracts is checked by the compiler; the test only has to use them. */
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { a: 'b' } },
  spec: {
    containers: [{ name: 'c', image: 'i', livenessProbe: { httpGet: { port: 'http' } }, resources: { limits: { cpu: '1' } } }],
  },
};

test('generated kinds are API objects', () => {
  const objects: readonly KubeObject[] = [pod, { ...pod, status: { phase: 'Running' } } satisfies Pod];
  const takes: (object: Deployment | Lease | CoreEvent | Scale) => KubeObject = (object) => object;
  expect(objects.map((object) => object.kind)).toEqual(['Pod', 'Pod']);
  expect(takes).toBeTypeOf('function');
});

test('a row of a generated kind is a row', () => {
  const row: Resource<Pod> = {
    id: 'pods',
    group: '',
    plural: 'pods',
    singular: 'pod',
    kind: 'Pod',
    shortNames: [],
    categories: [],
    namespaced: true,
    versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Pod' }],
    fields: { 'spec.nodeName': (object) => object.spec?.nodeName ?? '' },
    columns: [],
    cells: () => [],
    subresources: {},
    strategy: { default: (object) => object, validate: () => [] },
  };
  expect(defineResource(row).fields['spec.nodeName']?.(pod)).toBe('');
});
