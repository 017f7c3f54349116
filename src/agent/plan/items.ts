import type { NetworkItem, NodeItem, PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';

/** What the documents say of one pod, and of the node itself, by key (src/api/link/items.ts); undefined where they say nothing. */
export function podItem(documents: Documents, uid: string): PodItem | undefined {
  const item = documents.items.get(`pods/${uid}`)?.item;
  return item?.kind === 'Pod' ? item : undefined;
}

export function nodeItem(documents: Documents): NodeItem | undefined {
  const item = documents.items.get('node')?.item;
  return item?.kind === 'Node' ? item : undefined;
}

export function networkItem(documents: Documents): NetworkItem | undefined {
  const item = documents.items.get('network')?.item;
  return item?.kind === 'Network' ? item : undefined;
}

/** What the node's names are of: as the documents say, else as the cluster is by default. */
export function clusterNames(documents: Documents): { readonly clusterDomain: string; readonly cidrs: readonly string[] } {
  const network = networkItem(documents);
  if (network !== undefined)
    return { clusterDomain: network.spec.clusterDomain, cidrs: [network.spec.clusterCIDR, network.spec.serviceCIDR] };
  const node = nodeItem(documents);
  return { clusterDomain: CLUSTER_DOMAIN_DEFAULT, cidrs: node === undefined ? [] : [node.spec.clusterCIDR] };
}

const CLUSTER_DOMAIN_DEFAULT = 'cluster.local';
