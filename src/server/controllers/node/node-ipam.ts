/**
 * Gives every node its range of pod addresses: the lowest free block of the cluster's range. That no two nodes have one is guarded by rows
 * of the store (the node's claims), not by this; that a block does not overlap a node's LAN is looked at in the join.
 */
import { NODE_PREFIX } from '#api/cluster-network.ts';
import { contains, formatIp, networkBits, parseCidr, type IpNetwork } from '#api/ip.ts';
import type { Node } from '#api/kinds/node.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { mergePatch } from '../changes.ts';
import type { Controller, Note, Outcome } from '../controller.ts';

const BURST_MAX = 500;
/** All nodes at once: one look at what is taken serves everybody who waits. */
const KEY = 'nodes';

/** `clusterCidr`: parsed and found good where the options are read. */
export function nodeIpam(clusterCidr: IpNetwork): Controller {
  return {
    name: 'node-ipam',
    keysOf: ({ resource, before, after }) => {
      const freed = after === undefined && before !== undefined && cidrOf(before as Node) !== '';
      const waits = after !== undefined && cidrOf(after as Node) === '';
      return resource === 'nodes' && (freed || waits) ? [KEY] : [];
    },
    keys: () => [KEY],
    reconcile: (_key, view) => reconcile(view, clusterCidr),
  };
}

function reconcile(view: View, range: IpNetwork): Outcome {
  const nodes = view.list('nodes') as readonly Node[];
  const waiting = nodes.filter((node) => cidrOf(node) === '' && node.metadata.deletionTimestamp === undefined);
  if (waiting.length === 0) return { changes: [] };
  const taken = new Set(nodes.flatMap((node) => blocksOf(cidrOf(node), range)));
  const blockCount = 2 ** (NODE_PREFIX - range.prefix);
  const changes: Change[] = [];
  const events: Note[] = [];
  let block = 0;
  for (const node of waiting.slice(0, BURST_MAX)) {
    while (taken.has(block)) block += 1;
    if (block < blockCount) {
      const cidr = cidrText(range, block);
      changes.push(mergePatch('nodes', node, { spec: { podCIDR: cidr, podCIDRs: [cidr] } }));
      taken.add(block);
    } else events.push(exhausted(node));
  }
  return { changes, events };
}

/** The blocks that a node's range covers; one of another size, given by hand, may cover several. */
function blocksOf(text: string, range: IpNetwork): readonly number[] {
  const cidr = text === '' ? undefined : parseCidr(text);
  if (cidr === undefined || !contains(range, cidr.address)) return [];
  const sizeBits = BigInt(32 - NODE_PREFIX);
  const first = Number((networkBits(cidr.address, cidr.prefix) - networkBits(range.address, range.prefix)) >> sizeBits);
  return Array.from({ length: Math.max(1, 2 ** (NODE_PREFIX - cidr.prefix)) }, (_, index) => first + index);
}

function cidrText({ address, prefix }: IpNetwork, block: number): string {
  const bits = networkBits(address, prefix) + (BigInt(block) << BigInt(32 - NODE_PREFIX));
  return `${formatIp({ family: 4, bits })}/${NODE_PREFIX}`;
}

function cidrOf({ spec }: Node): string {
  return spec?.podCIDR ?? '';
}

function exhausted(about: Node): Note {
  return {
    about,
    type: 'Normal',
    reason: 'CIDRNotAvailable',
    message: `Node ${about.metadata.name} status is now: CIDRNotAvailable`,
  };
}
