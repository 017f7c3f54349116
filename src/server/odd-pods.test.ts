import { expect, test } from 'vitest';
import { ADMIN, createTestApi } from '../../test/support/api-world.ts';
import { aNode } from '../../test/support/cluster-objects.ts';
import { openTestStore } from '../../test/support/store.ts';
import { viewOf } from '../../test/support/view-of.ts';
import { podResource, type Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';
import { Scheduler } from '../sched/scheduler.ts';
import { daemonSpec, eligibility, nodeOf, pinnedTo } from './controllers/daemon-set/eligible.ts';
import { taintEviction } from './controllers/node/taint-eviction.ts';
import { byDeletionOrder } from './controllers/pod-ranking.ts';
import { itemOf } from './fleet/items.ts';
import { referencesOf } from './fleet/references.ts';

/** A good pod with something in every corner that the server looks into. */
const WHOLE = {
  initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Always', ports: [{ containerPort: 1, hostPort: 1 }] }],
  containers: [
    {
      name: 'a',
      image: 'i',
      ports: [{ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1' }],
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
        { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        { name: 'C', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
      envFrom: [{ configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }],
      resources: { limits: { cpu: '1' }, requests: { cpu: '1', memory: '1Mi' } },
    },
  ],
  volumes: [
    { name: 'c', configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
    { name: 's', secret: { secretName: 's' } },
    { name: 'p', projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'c' } }] } },
  ],
  imagePullSecrets: [{ name: 's' }],
  nodeSelector: { zone: 'a' },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchExpressions: [{ key: 'size', operator: 'Gt', values: ['1'] }],
            matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }],
          },
        ],
      },
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] } },
      ],
    },
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } } },
      ],
    },
  },
  tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 3 }],
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { a: 'b' } } },
  ],
  overhead: { cpu: '1m' },
};

const NODE = aNode('n1', {
  labels: { zone: 'a', size: '2' },
  taints: [{ key: 'k', value: 'v', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' }],
});

/** The value with each of its parts left out, or emptied, in turn. */
function* spoiled(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield value.toSpliced(index, 1);
      yield value.with(index, {});
      for (const part of spoiled(item)) yield value.with(index, part);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const { [key]: _, ...rest } = value as Readonly<Record<string, unknown>>;
      yield rest;
      if (typeof item === 'object') yield { ...rest, [key]: Array.isArray(item) ? [] : {} };
      for (const part of spoiled(item)) yield { ...rest, [key]: part };
    }
  }
}

/** All that looks into a stored pod. */
function lookInto(pod: Pod): void {
  const scheduler = new Scheduler();
  scheduler.apply({ resource: 'nodes', after: NODE });
  scheduler.apply({ resource: 'pods', after: pod });
  scheduler.decide();
  const spec = daemonSpec(pod.spec);
  eligibility(spec, NODE);
  nodeOf({ ...pod, spec: pinnedTo(spec, 'n1') });
  const bound: Pod = { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: 'n1' } };
  const objects = [
    { resource: 'pods', object: bound },
    { resource: 'nodes', object: NODE },
  ];
  taintEviction.reconcile('n1', viewOf(objects), 0);
  byDeletionOrder([bound, pod], [bound], 0);
  referencesOf(bound);
  itemOf('pods', bound, '10.32.0.0/11');
  podResource.cells(bound, 0);
  scheduler.apply({ resource: 'pods', before: pod, after: bound });
}

test('whatever is left out of a pod, what the pipeline takes nobody stumbles over', async () => {
  const store = await openTestStore();
  const { change } = createTestApi(store);
  const never = new AbortController().signal;
  const make = (object: KubeObject, resource: string) => change({ verb: 'create', resource, object }, ADMIN, never);
  await make({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }, 'namespaces');
  const taken: string[] = [];
  let refused = 0;
  for (const spec of [WHOLE, ...spoiled(WHOLE)]) {
    const metadata = { generateName: 'odd-', namespace: 'default' };
    const pod = await make({ apiVersion: 'v1', kind: 'Pod', metadata, spec }, 'pods').catch(() => undefined);
    if (pod === undefined) {
      refused += 1;
      continue;
    }
    taken.push(pod.metadata.name ?? '');
    expect(() => lookInto(pod as Pod), JSON.stringify(spec)).not.toThrow();
  }
  expect(taken.length).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(20);
  await store.close();
});
