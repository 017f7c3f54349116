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
  /** MACs of the gateway that this node goes out by in that network, and of the one before it; empty where there is none, or it was never heard. */
  readonly gateways: readonly string[];
};

/** Of one node; more are not told. */
export const LAN_ADDRESSES_MAX = 8;
/** A network of more bits has nobody else in it. */
const PREFIX_MAX = 30;
const PREFIX_MIN = 8;
export const LAN_TEXT_MAX = 80 * LAN_ADDRESSES_MAX;
/** The present one and the one before: the nodes of a LAN whose gateway is replaced find out one after the other, some much later. */
const GATEWAYS_MAX = 2;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const MAC_NONE = '00:00:00:00:00:00';

/** `192.168.1.5/24=52:54:00:12:34:56=<gateway>+<gateway before>,…`, sorted, so that the same addresses are the same text. */
export function formatLan(addresses: readonly LanAddress[]): string {
  const texts = addresses.map(({ address, prefix, mac, gateways }) => {
    const behind = gateways.length === 0 ? '' : `=${gateways.slice(0, GATEWAYS_MAX).join('+')}`;
    return `${address}/${prefix}=${mac}${behind}`.toLowerCase();
  });
  return [...new Set(texts)]
    .filter((text) => parseOne(text) !== undefined)
    .toSorted()
    .slice(0, LAN_ADDRESSES_MAX)
    .join(',');
}

/** What can not be read is left out. */
export function parseLan(text: string | undefined): readonly LanAddress[] {
  if (text === undefined || text === '' || text.length > LAN_TEXT_MAX) return [];
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

/**
 * What a node tells of its LANs now, with the gateways that it told of before: one that is not heard at the moment is still the same, and one that has
 * come in its place stands before it.
 */
export function rememberGateways(now: readonly LanAddress[], before: readonly LanAddress[]): readonly LanAddress[] {
  return now.map((each) => {
    const network = networkOf(each);
    const known = before.filter((other) => networkOf(other) === network).flatMap(({ gateways }) => gateways);
    return { ...each, gateways: [...new Set([...each.gateways, ...known])].slice(0, GATEWAYS_MAX) };
  });
}

function parseOne(text: string): LanAddress | undefined {
  // A release of before gateways reads what stands before the second `=`.
  const [cidr = '', mac = '', behind = ''] = text.split('=');
  const network = parseCidr(cidr);
  if (network === undefined || network.address.family !== 4 || !MAC.test(mac) || mac === MAC_NONE) return undefined;
  if (network.prefix < PREFIX_MIN || network.prefix > PREFIX_MAX) return undefined;
  const address = formatIp(network.address);
  const gateways = behind.split('+').filter((each) => MAC.test(each) && each !== MAC_NONE);
  return isOfALan(address) ? { address, prefix: network.prefix, mac, gateways: gateways.slice(0, GATEWAYS_MAX) } : undefined;
}

/** Loopback, link-local, multicast and the like lead to no neighbour for long. */
function isOfALan(address: string): boolean {
  const [first = 0, second = 0] = address.split('.').map(Number);
  return first > 0 && first < 224 && first !== 127 && !(first === 169 && second === 254);
}
