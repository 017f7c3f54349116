import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import type { Entry } from '#rest/storage.ts';

/**
 * Which nodes' documents a committed write may change. `referrers` are the nodes whose pods name this configmap, secret or account. Pure. Says
 * too much rather than too little: whether anything changed is seen from the digest.
 */
export function concernedNodes(entry: Entry, referrers: (reference: string) => Iterable<string>): readonly string[] {
  const { resource, namespace, name } = entry.key;
  switch (resource) {
    case 'pods':
      return isSameToNode(entry) ? [] : [...new Set([nodeOf(entry.before), nodeOf(entry.after)])].filter((node) => node !== '');
    case 'nodes':
      return isSameToNode(entry) ? [] : [name];
    case 'configmaps':
    case 'secrets':
    case 'serviceaccounts':
      return [...referrers(`${resource}/${namespace}/${name}`)];
    default:
      return [];
  }
}

/** Most writes of pods and nodes touch only their status, which concerns a node for readiness gates alone; the store then keeps the very same spec. */
function isSameToNode({ before, after }: Entry): boolean {
  if (before === undefined || after === undefined) return false;
  const [was, is] = [before.metadata, after.metadata];
  return (
    before['spec'] === after['spec'] &&
    !(before['status'] !== after['status'] && hasGates(after)) &&
    was.uid === is.uid &&
    was.labels === is.labels &&
    was.annotations === is.annotations &&
    was.deletionTimestamp === is.deletionTimestamp &&
    was.deletionGracePeriodSeconds === is.deletionGracePeriodSeconds
  );
}

function hasGates(pod: KubeObject): boolean {
  // As below; a node's spec has no such field.
  return ((pod as Pod).spec?.readinessGates ?? []).length > 0;
}

function nodeOf(pod: KubeObject | undefined): string {
  // Stored pods were decoded against the pod's schema.
  return (pod as Pod | undefined)?.spec?.nodeName ?? '';
}
