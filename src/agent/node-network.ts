import type { HostPort, Wiring } from '#net/wire/wiring.ts';
import { hostPortsOf } from './host-ports.ts';
import type { Ledger, Memory } from './ledger/ledger.ts';
import { addressOf, podMemory } from './memory.ts';
import { nodeItem, podItem } from './plan/items.ts';

/** The node's own rules for its pods' network: forwarding, masquerading, and the host ports of the pods that have an address. */
export type NodeNetworkKeeper = {
  /** Sees that they stand; meant to be called again and again. Does nothing before the node has its pod CIDR. */
  readonly ensure: (signal: AbortSignal) => Promise<void>;
  /** A light look between two calls: others may have taken some of them. */
  readonly isChanged: (signal: AbortSignal) => Promise<boolean>;
  /** They stood once. */
  readonly isUp: () => boolean;
  /** Host ports have come or gone since. */
  readonly isOutdated: () => boolean;
};

export type NodeNetworkOptions = {
  readonly ledger: Pick<Ledger, 'documents'>;
  /** As it will be once the commits under way are done. */
  readonly memory: () => Memory;
  readonly wiring: Pick<Wiring, 'ensureNode' | 'isNodeChanged'>;
  readonly uids: () => readonly string[];
};

export function createNodeNetwork({ ledger, memory, wiring, uids }: NodeNetworkOptions): NodeNetworkKeeper {
  let isUp = false;
  let ensuredPorts = '[]';

  const hostPorts = (): readonly HostPort[] =>
    uids().flatMap((uid) => {
      const item = podItem(ledger.documents(), uid);
      const address = addressOf(memory(), uid);
      const ended = podMemory(memory(), uid)?.verdict !== undefined;
      return item === undefined || address === undefined || ended ? [] : hostPortsOf(item, address);
    });

  return {
    ensure: async (signal) => {
      const { podCIDR: podCidr, clusterCIDR: clusterCidr } = nodeItem(ledger.documents())?.spec ?? {};
      if (podCidr === undefined || clusterCidr === undefined) return;
      const ports = hostPorts();
      await wiring.ensureNode({ podCidr, clusterCidr, hostPorts: ports }, signal);
      isUp = true;
      ensuredPorts = JSON.stringify(ports);
    },
    isChanged: wiring.isNodeChanged,
    isUp: () => isUp,
    isOutdated: () => JSON.stringify(hostPorts()) !== ensuredPorts,
  };
}
