import { createHash } from 'node:crypto';
import { contains, parseCidr, parseIp } from '#api/ip.ts';
import type { Backend, ServicePortRules } from './service-table.ts';

/** What a service port's chains and sets are named after: the same in every release, and short enough for iptables' chains (28 letters). */
const DIGITS = 14;

export function portName({ protocol, key }: ServicePortRules): string {
  return digest(`${protocol} ${key}`);
}

/** Of one endpoint of a port with affinity. The timeout is part of what a set of its clients is. */
export function endpointName({ protocol, key, affinitySeconds = 0 }: ServicePortRules, { address, port }: Backend): string {
  return digest(`${protocol} ${key} ${affinitySeconds} ${address}:${port}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGITS);
}

/** No node port is served at these: loopback, and the link-local ones, the node's own for services among them. */
export const NOT_NODE_ADDRESSES = ['127.0.0.0/8', '169.254.0.0/16'] as const;

/** Addresses of backends that may be pods of this node: what such a pod sends to itself through a service needs another source. */
export function localBackends(ports: readonly ServicePortRules[], podCidr: string): readonly string[] {
  const network = parseCidr(podCidr);
  // The whole parts of the network as text: most addresses are other nodes'.
  const start = podCidr.split('.', Math.min(3, Math.floor((network?.prefix ?? 0) / 8))).join('.');
  const addresses = new Set<string>();
  for (const { internal, external, shortcut = [] } of ports)
    for (const backends of [internal, external, shortcut])
      for (const { address } of backends) if (address.startsWith(start)) addresses.add(address);
  return [...addresses].filter((text) => {
    const address = parseIp(text);
    return network !== undefined && address !== undefined && contains(network, address);
  });
}
