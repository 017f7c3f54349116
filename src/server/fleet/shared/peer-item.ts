import type { Node } from '#api/kinds/node.ts';
import { findCondition } from '#api/kinds/conditions.ts';
import { LAN_ANNOTATION, parseLan } from '#api/kinds/node-lan.ts';
import type { PeerItem } from '#api/link/items.ts';

/** What a node's neighbours get to see of it; undefined where it has no pods' network yet, or is in no LAN. */
export function peerItem({ metadata, spec, status }: Node): PeerItem | undefined {
  const addresses = parseLan(metadata.annotations?.[LAN_ANNOTATION]);
  const { podCIDR = '' } = spec ?? {};
  if (podCIDR === '' || addresses.length === 0) return undefined;
  const isSilent = findCondition(status?.conditions, 'Ready')?.status === 'Unknown';
  return {
    kind: 'Peer',
    metadata: { name: metadata.name ?? '' },
    podCIDR,
    addresses: addresses.map(({ address, mac }) => ({ address, mac })),
    ...(isSilent ? { silent: true } : {}),
  };
}
