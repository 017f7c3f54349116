import { DEFAULT_NETWORK } from '../../src/api/cluster-network.ts';
import type { Index } from '../../src/api/link/statement.ts';
import { ItemEncoder } from '../../src/server/fleet/item-encoder.ts';
import { project } from '../../src/server/fleet/project.ts';
import { SharedItems } from '../../src/server/fleet/shared/shared-items.ts';
import { clusterTokens } from './link-documents.ts';
import type { View } from '../../src/server/view.ts';

/** The index of the document that a node should hold by now, made from nothing but the state. */
export function wantedIndex(view: View, node: string, nowMs: number): Index {
  const { key, issuer } = clusterTokens;
  const encoder = new ItemEncoder(DEFAULT_NETWORK.clusterCIDR, key);
  const { own } = project(view, node, (source) => encoder.hashOf(source), { issuer, nowMs });
  const shared = new SharedItems(DEFAULT_NETWORK);
  shared.reset(view);
  return new Map([...own, ...shared.all(node).map(({ key, hash }) => [key, hash] as const)]);
}
