import { expect, test } from 'vitest';
import { ADMIN, createTestApi } from '../../test/support/api-world.ts';
import { aNode, aPod } from '../../test/support/cluster-objects.ts';
import { openTestStore } from '../../test/support/store.ts';
import { viewOf } from '../../test/support/view-of.ts';
import { builtinResources } from '../api/kinds/builtin.ts';
import { podResource, type Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';
import { Scheduler } from '../sched/scheduler.ts';
import { daemonSpec, eligibility, nodeOf, pinnedTo } from './controllers/daemon-set/eligible.ts';
import type { Controller } from './controllers/controller.ts';
import { daemonSetController } from './controllers/daemon-set/daemon-set.ts';
import { deploymentController } from './controllers/deployment/deployment.ts';
import { nodeIpam } from './controllers/node/node-ipam.ts';
import { nodeLifecycle } from './controllers/node/node-lifecycle.ts';
import { taintEviction } from './controllers/node/taint-eviction.ts';
import { byDeletionOrder } from './controllers/pod-ranking.ts';
import { replicaSetController } from './controllers/replica-set.ts';
import { itemOf } from './fleet/items.ts';
import { referencesOf } from './fleet/references.ts';

/** What people leave out of objects by mistake or on purpose, and upstream's Go reads as zero, must stop no loop here. */

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
  expect(scheduler.decide()).not.toContainEqual(expect.objectContaining({ bug: expect.anything() }));
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

const LABELS = { app: 'web' };
const WORKLOAD = {
  replicas: 1,
  selector: { matchLabels: LABELS, matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] },
  template: { metadata: { labels: LABELS, annotations: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
};

const OWNED = [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u', controller: true, blockOwnerDeletion: true }];

const NODE_WHOLE = {
  metadata: { labels: { zone: 'a' }, ownerReferences: OWNED },
  spec: { podCIDR: '10.32.0.0/25', taints: [{ key: 'k', value: 'v', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' }] },
  status: {
    allocatable: { cpu: '1', memory: '1Gi', pods: '10' },
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:00Z' }],
  },
};

const CIDR = { address: { family: 4, bits: 0x0a200000n }, prefix: 11 } as const;

/** What the loops do with an object of this resource. */
const LOOKS: Readonly<Record<string, (object: KubeObject) => void>> = {
  pods: (object) => lookInto(object as Pod),
  'deployments.apps': (object) => reconcile(deploymentController, 'deployments.apps', object),
  'replicasets.apps': (object) => reconcile(replicaSetController, 'replicasets.apps', object),
  'daemonsets.apps': (object) => reconcile(daemonSetController, 'daemonsets.apps', object),
  nodes: (object) => {
    for (const controller of [nodeLifecycle, taintEviction, nodeIpam(CIDR)]) reconcile(controller, 'nodes', object);
    const scheduler = new Scheduler();
    scheduler.apply({ resource: 'nodes', after: object });
    scheduler.apply({ resource: 'pods', after: aPod('p') });
    expect(scheduler.decide()).not.toContainEqual(expect.objectContaining({ bug: expect.anything() }));
    itemOf('nodes', object, '10.32.0.0/11');
  },
};

function reconcile(controller: Controller, resource: string, object: KubeObject): void {
  const view = viewOf([{ resource, object }, ...(resource === 'nodes' ? [] : [{ resource: 'nodes', object: NODE }])]);
  for (const news of [
    { resource, after: object },
    { resource, before: object },
    { resource, before: object, after: object },
  ])
    controller.keysOf(news, view);
  for (const key of controller.keys(view)) controller.reconcile(key, view, 0);
  builtinResources.find(({ id }) => id === resource)?.cells(object, 0);
}

async function checkNobodyStumbles(kind: string, resource: string, whole: object): Promise<void> {
  const store = await openTestStore();
  const { change } = createTestApi(store);
  const never = new AbortController().signal;
  const make = (object: KubeObject, id: string) => change({ verb: 'create', resource: id, object }, ADMIN, never);
  await make({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }, 'namespaces');
  const apiVersion = resource.endsWith('.apps') ? 'apps/v1' : 'v1';
  const counts = { taken: 0, refused: 0 };
  for (const [index, words] of [whole, ...spoiled(whole)].entries()) {
    // Sound: whatever is spoiled is still an object.
    const { metadata, ...rest } = words as { readonly metadata?: object };
    const namespace = resource === 'nodes' ? {} : { namespace: 'default' };
    const object = { apiVersion, kind, ...rest, metadata: { ...metadata, ...namespace, name: `odd-${index}` } };
    const made = await make(object, resource).catch(() => undefined);
    counts[made === undefined ? 'refused' : 'taken'] += 1;
    if (made === undefined) continue;
    expect(() => LOOKS[resource]?.(made), JSON.stringify(words)).not.toThrow();
    await change({ verb: 'delete', resource, namespace: 'default', name: `odd-${index}`, gracePeriodSeconds: 0 }, ADMIN, never);
  }
  expect(counts.taken).toBeGreaterThan(10);
  expect(counts.refused).toBeGreaterThan(5);
  await store.close();
}

test.each([
  ['Pod', 'pods', { spec: WHOLE }],
  ['Deployment', 'deployments.apps', { spec: WORKLOAD }],
  ['ReplicaSet', 'replicasets.apps', { spec: WORKLOAD }],
  ['DaemonSet', 'daemonsets.apps', { spec: WORKLOAD }],
  ['Node', 'nodes', NODE_WHOLE],
])('whatever is left out of a %s, what the pipeline takes nobody stumbles over', checkNobodyStumbles);
