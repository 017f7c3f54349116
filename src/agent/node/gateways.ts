import { contains, parseCidr, parseIp } from '#api/ip.ts';
import type { LanAddress } from '#api/kinds/node-lan.ts';

/** Which machine is the gateway in each of a node's LANs, by what the kernel knows. Pure. */

/** A neighbour that has answered (ATF_COM). */
const ANSWERED = 0x2;

/** `routes`: the default ones, with the gateway as the kernel writes it; `neighbours`: /proc/net/arp. */
export function withGateways(
  lan: readonly LanAddress[],
  routes: readonly { readonly device: string; readonly gateway: string }[],
  neighbours: string,
): readonly LanAddress[] {
  // IP address, HW type, Flags, HW address, Mask, Device
  const known = neighbours.split('\n').map((line) => line.trim().split(/\s+/));
  const gateways = routes.flatMap(({ device, gateway }) => {
    const address = addressOf(gateway);
    const found = known.find((fields) => fields[0] === address && fields[5] === device && (Number(fields[2]) & ANSWERED) !== 0);
    return found?.[3] === undefined ? [] : [{ address: parseIp(address), mac: found[3].toLowerCase() }];
  });
  return lan.map((each) => {
    const network = parseCidr(`${each.address}/${each.prefix}`);
    const inIt = gateways.filter(({ address }) => network !== undefined && address !== undefined && contains(network, address));
    return { ...each, gateways: inIt.map(({ mac }) => mac) };
  });
}

/** `0101A8C0`, in the byte order of the machine (both that we build for are little-endian), is 192.168.1.1. */
function addressOf(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
