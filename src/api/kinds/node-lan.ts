/**
 * A node's addresses in its LANs, as it reports them by an annotation: from these the server sees which nodes may have a path to each other. IPv4 only.
 * Whether two nodes that name the same LAN are in the same one is for them to find out (two sites may both have 192.168.1.0/24).
 */
import { formatIp, networkBits, parseCidr } from '../ip.ts';

export const LAN_ANNOTATION = 'skerry.dev/lan';

export type LanAddress = {
  readonly address: string;
  /** Bits of the network. */
  readonly prefix: number;
  /** `52:54:00:12:34:56`, in lower case. */
  readonly mac: string;
};

/** Of one node; more are not told. */
export const LAN_ADDRESSES_MAX = 8;
/** A network of more bits has nobody else in it. */
const PREFIX_MAX = 30;
const PREFIX_MIN = 8;
const TEXT_MAX = 64 * LAN_ADDRESSES_MAX;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const MAC_NONE = '00:00:00:00:00:00';

/** `192.168.1.5/24=52:54:00:12:34:56,…`, sorted, so that the same addresses are the same text. */
export function formatLan(addresses: readonly LanAddress[]): string {
  const texts = addresses.map(({ address, prefix, mac }) => `${address}/${prefix}=${mac.toLowerCase()}`);
  return [...new Set(texts)]
    .filter((text) => parseOne(text) !== undefined)
    .toSorted()
    .slice(0, LAN_ADDRESSES_MAX)
    .join(',');
}

/** What can not be read is left out. */
export function parseLan(text: string | undefined): readonly LanAddress[] {
  if (text === undefined || text === '' || text.length > TEXT_MAX) return [];
  return text
    .split(',')
    .slice(0, LAN_ADDRESSES_MAX)
    .flatMap((each) => parseOne(each) ?? []);
}

/** The LAN as a text: `192.168.1.0/24`. */
export function networkOf({ address, prefix }: Pick<LanAddress, 'address' | 'prefix'>): string | undefined {
  const network = parseCidr(`${address}/${prefix}`);
  return network === undefined
    ? undefined
    : `${formatIp({ family: network.address.family, bits: networkBits(network.address, prefix) })}/${prefix}`;
}

/** The LANs of these addresses, each once, sorted. */
export function networksOf(addresses: readonly LanAddress[]): readonly string[] {
  return [...new Set(addresses.flatMap((address) => networkOf(address) ?? []))].toSorted();
}

function parseOne(text: string): LanAddress | undefined {
  const [cidr = '', mac = ''] = text.split('=');
  const network = parseCidr(cidr);
  if (network === undefined || network.address.family !== 4 || !MAC.test(mac) || mac === MAC_NONE) return undefined;
  if (network.prefix < PREFIX_MIN || network.prefix > PREFIX_MAX) return undefined;
  const address = formatIp(network.address);
  return isOfALan(address) ? { address, prefix: network.prefix, mac } : undefined;
}

/** Loopback, link-local, multicast and the like lead to no neighbour for long. */
function isOfALan(address: string): boolean {
  const [first = 0, second = 0] = address.split('.').map(Number);
  return first > 0 && first < 224 && first !== 127 && !(first === 169 && second === 254);
}
