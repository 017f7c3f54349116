import { findCondition } from '#api/kinds/conditions.ts';
import type { ConfigMap } from '#api/kinds/config-map.ts';
import type { Node } from '#api/kinds/node.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { ConfigMapItem, Item, NodeItem, PodItem, SecretItem } from '#api/link/items.ts';
import type { KubeObject } from '#api/object.ts';

/**
 * What of an object a node gets to see. Fields are taken as they are stored, never defaulted or rewritten here: the bytes' hash decides
 * whether a pod counts as changed, and a release of the server must not change any (items.test.ts holds them fixed).
 */
export function itemOf(resource: string, object: KubeObject, clusterCIDR: string): Item | undefined {
  // Each: stored objects were decoded against their own schema.
  switch (resource) {
    case 'pods':
      return podItem(object as Pod);
    case 'configmaps':
      return configMapItem(object as ConfigMap);
    case 'secrets':
      return secretItem(object as Secret);
    case 'nodes':
      return nodeItem(object as Node, clusterCIDR);
    default:
      return undefined;
  }
}

function podItem({ metadata, spec, status }: Pod): PodItem {
  const { namespace = '', name = '', uid = '', labels, annotations, deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  return {
    kind: 'Pod',
    metadata: {
      namespace,
      name,
      uid,
      creationTimestamp: metadata.creationTimestamp ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    },
    spec: spec ?? { containers: [] },
    ...endOf(status),
    ...gatesOf(spec, status),
  };
}

function gatesOf(spec: Pod['spec'], status: Pod['status']): Pick<PodItem, 'gates'> {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return {};
  const said = gates.flatMap(({ conditionType }) => findCondition(status?.conditions, conditionType) ?? []);
  return { gates: Object.fromEntries(said.map((condition) => [condition.type, condition.status])) };
}

function endOf({ phase, reason = '', message = '' }: NonNullable<Pod['status']> = {}): Pick<PodItem, 'ended'> {
  return phase === 'Succeeded' || phase === 'Failed' ? { ended: { phase, reason, message } } : {};
}

function configMapItem({ metadata, data, binaryData }: ConfigMap): ConfigMapItem {
  return {
    kind: 'ConfigMap',
    metadata: { namespace: metadata.namespace ?? '', name: metadata.name ?? '' },
    ...(data === undefined ? {} : { data }),
    ...(binaryData === undefined ? {} : { binaryData }),
  };
}

function secretItem({ metadata, type, data }: Secret): SecretItem {
  return {
    kind: 'Secret',
    metadata: { namespace: metadata.namespace ?? '', name: metadata.name ?? '' },
    type: type ?? 'Opaque',
    ...(data === undefined ? {} : { data }),
  };
}

function nodeItem({ metadata, spec }: Node, clusterCIDR: string): NodeItem {
  return {
    kind: 'Node',
    metadata: { name: metadata.name ?? '', uid: metadata.uid ?? '' },
    spec: {
      ...(spec?.podCIDR === undefined ? {} : { podCIDR: spec.podCIDR }),
      clusterCIDR,
      ...(spec?.unschedulable === undefined ? {} : { unschedulable: spec.unschedulable }),
    },
  };
}
