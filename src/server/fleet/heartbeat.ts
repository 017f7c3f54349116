import type { Clock } from '#lib/clock.ts';
import { rfc3339Micro } from '#lib/clock.ts';
import type { Lease } from '#api/kinds/lease.ts';
import type { Node } from '#api/kinds/node.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';
import type { Peer } from './peer.ts';

/**
 * Liveness: a node that was heard has its Lease renewed (kept in memory, never on the disk), and is told apart from one that fell silent
 * by others (the node controller). Pure but for reading the clock's text.
 */
export const LEASES = 'leases.coordination.k8s.io';
export const LEASE_NAMESPACE = 'kube-node-lease';
/** A node counts as silent after so many of its keepalives. */
const LEASE_KEEPALIVES = 2.5;
const LEASE_SECONDS_DEFAULT = 75;
const RENEWALS_PER_LEASE = 4;
const RENEW_MS_MIN = 1_000;

export function leaseSeconds(peer: Peer, view: Pick<View, 'get'>): number {
  if (peer.session !== undefined) return Math.ceil((LEASE_KEEPALIVES * peer.session.keepaliveMs) / 1_000);
  // Stored leases were decoded against their schema.
  const lease = view.get(LEASES, LEASE_NAMESPACE, peer.node) as Lease | undefined;
  return lease?.spec?.leaseDurationSeconds ?? LEASE_SECONDS_DEFAULT;
}

/** Not more often than this, however much is heard. */
export function renewMs(peer: Peer, view: Pick<View, 'get'>): number {
  return Math.max(RENEW_MS_MIN, (leaseSeconds(peer, view) * 1_000) / RENEWALS_PER_LEASE);
}

export function renewal(peer: Peer, view: Pick<View, 'get'>, clock: Pick<Clock, 'now'>): Change {
  const { node } = peer;
  const owner = view.get('nodes', '', node);
  const uid = owner?.metadata.uid;
  const resourceVersion = view.get(LEASES, LEASE_NAMESPACE, node)?.metadata.resourceVersion;
  const object: KubeObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: node,
      namespace: LEASE_NAMESPACE,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid }] }),
    },
    spec: { holderIdentity: node, leaseDurationSeconds: leaseSeconds(peer, view), renewTime: rfc3339Micro(clock.now()) },
  };
  return { verb: 'update', resource: LEASES, object };
}

/** The server has given the node up; it is heard, so what it said last is true again. */
export function isGivenUp(view: Pick<View, 'get'>, node: string): boolean {
  // Stored nodes were decoded against their schema.
  const object = view.get('nodes', '', node) as Node | undefined;
  return object?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'Unknown') === true;
}
