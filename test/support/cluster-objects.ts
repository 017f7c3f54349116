import type { Node, Taint } from '../../src/api/kinds/node.ts';
import type { Pod, PodSpec, Toleration } from '../../src/api/kinds/pod.ts';
import type { Service, ServiceSpec } from '../../src/api/kinds/service.ts';
import type { ObjectMeta, OwnerReference } from '../../src/api/object.ts';

/** Short ways to write nodes and pods in tests of the scheduler and the controllers. */
export type NodeWords = {
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
  readonly allocatable?: Readonly<Record<string, string>>;
};

export function aNode(name: string, words: NodeWords = {}): Node {
  const { labels = {}, taints, unschedulable, allocatable = {} } = words;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { ...(taints === undefined ? {} : { taints }), ...(unschedulable === undefined ? {} : { unschedulable }) },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable } },
  };
}

export type PodWords = {
  readonly node?: string;
  /** One container each. */
  readonly requests?: readonly Readonly<Record<string, string>>[];
  readonly hostPorts?: readonly number[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly owner?: OwnerReference;
  readonly spec?: Partial<PodSpec>;
  readonly metadata?: ObjectMeta;
  readonly status?: Pod['status'];
};

export function aPod(name: string, words: PodWords = {}): Pod {
  const { node, requests = [{}], hostPorts = [], nodeSelector, tolerations, owner, spec, metadata, status } = words;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
      ...metadata,
    },
    spec: {
      containers: requests.map((each, index) => ({
        name: `c${index}`,
        image: 'app',
        resources: { requests: each },
        ...(index === 0 ? { ports: hostPorts.map((hostPort) => ({ containerPort: hostPort, hostPort, protocol: 'TCP' })) } : {}),
      })),
      schedulerName: 'default-scheduler',
      ...(node === undefined ? {} : { nodeName: node }),
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(tolerations === undefined ? {} : { tolerations }),
      ...spec,
    },
    status: { phase: 'Pending', ...status },
  };
}

export function owner(name: string, kind = 'ReplicaSet', apiVersion = 'apps/v1'): OwnerReference {
  return { apiVersion, kind, name, uid: `uid-${name}`, controller: true, blockOwnerDeletion: true };
}

/** default/web, which selects app=web at port 80. */
export function aService(spec: ServiceSpec = {}, metadata: Service['metadata'] = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.0.9',
      selector: { app: 'web' },
      ports: [{ port: 80, protocol: 'TCP' }],
      ...spec,
    },
  };
}
