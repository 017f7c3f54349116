import { networkBits, parseCidr } from '#api/ip.ts';

/** Names below in-addr.arpa. Zones of it end where an address's numbers end: a network that does not is as many zones. */
export function reverseName(address: string): string {
  return `${address.split('.').toReversed().join('.')}.in-addr.arpa`;
}

/** `10.96.0.0/15` → 96.10.in-addr.arpa, 97.10.in-addr.arpa. None of what is no IPv4 network. */
export function reverseZones(cidr: string): readonly string[] {
  const network = parseCidr(cidr);
  if (network === undefined || network.address.family !== 4 || network.prefix === 0) return [];
  const numbers = Math.ceil(network.prefix / 8);
  const first = Number(networkBits(network.address, network.prefix) >> BigInt(32 - numbers * 8));
  const count = 2 ** (numbers * 8 - network.prefix);
  return Array.from({ length: count }, (_, index) => {
    const bits = first + index;
    const labels = Array.from({ length: numbers }, (_unused, at) => Math.floor(bits / 256 ** at) % 256);
    return `${labels.join('.')}.in-addr.arpa`;
  });
}
