/**
 * Whether a node is heard of. Made of the age of its Lease by the store's clock, which never jumps, so that neither the server's wall clock
 * nor the node's can make a node look dead. Only for nodes without a Lease, kept by somebody else, the time they wrote themselves must do.
 */
import { NODE_LEASE_NAMESPACE, type Lease } from '#api/kinds/lease.ts';
import { nodeCondition, type Node } from '#api/kinds/node.ts';
import { parseTime } from '#lib/time.ts';
import type { View } from '../../view.ts';

export const LEASES = 'leases.coordination.k8s.io';
/** As upstream's --node-monitor-grace-period before leases, and the kubelet's lease duration. */
export const SILENCE_SECONDS_MAX = 40;
/** A new node has this long to say something for the first time (--node-startup-grace-period). */
export const STARTUP_SECONDS_MAX = 60;

/** Milliseconds until the node counts as silent if nothing more is heard; zero or less: it is silent. */
export function untilSilentMs(node: Node, view: View, now: number): number {
  const { name = '', creationTimestamp } = node.metadata;
  // Sound: the store keeps under this resource only objects of this kind.
  const lease = view.get(LEASES, NODE_LEASE_NAMESPACE, name) as Lease | undefined;
  const openedMs = view.sinceWriteMs(LEASES, NODE_LEASE_NAMESPACE, name);
  if (lease !== undefined) return (lease.spec?.leaseDurationSeconds ?? SILENCE_SECONDS_MAX) * 1_000 - openedMs;
  const heartbeat = parseTime(nodeCondition(node, 'Ready')?.lastHeartbeatTime);
  const graceMs = (heartbeat === undefined ? STARTUP_SECONDS_MAX : SILENCE_SECONDS_MAX) * 1_000;
  const spokeMs = now - (heartbeat ?? parseTime(creationTimestamp) ?? now);
  // A time from the future says nothing; and nobody could be heard before the store was open.
  return graceMs - (spokeMs < -graceMs ? openedMs : Math.min(Math.max(spokeMs, 0), openedMs));
}
