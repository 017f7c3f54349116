import { createHash } from 'node:crypto';
import { ipRecords, textOf } from './ip-json.ts';
import type { WireRequest, Wired } from './wiring.ts';

/**
 * A pod's link in the words of `ip`: a pair of interfaces, an address of its own and a route. The pod's next hop is one fixed link-local address that
 * answers at a fixed MAC, so no bridge and no ARP are needed. What is wired is written as the host end's alias, as the last step.
 */
export const INTERFACE_PREFIX = 'skr';
const GATEWAY = '169.254.1.1';
const GATEWAY_MAC = '02:42:a9:fe:01:01';

/** Interface names hold 15 letters. */
export function interfaceName(podUid: string): string {
  return `${INTERFACE_PREFIX}${createHash('sha256').update(podUid).digest('hex').slice(0, 12)}`;
}

/** For `ip -batch` on the node. */
export function hostBatch({ podUid, pid, address }: WireRequest, mtu: number): string {
  const name = interfaceName(podUid);
  return [
    `link add ${name} address ${GATEWAY_MAC} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pid}`,
    `link set ${name} up`,
    `route replace ${address}/32 dev ${name}`,
    '',
  ].join('\n');
}

/** For `ip -batch` in the pod's network namespace. */
export function podBatch({ address }: WireRequest): string {
  return [
    'link set lo up',
    `addr add ${address}/32 dev eth0`,
    'link set eth0 up',
    `route add ${GATEWAY} dev eth0 scope link`,
    `neigh replace ${GATEWAY} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`,
    `route add default via ${GATEWAY} dev eth0 src ${address}`,
    '',
  ].join('\n');
}

export function aliasOf({ podUid, sandboxId, address }: WireRequest): string {
  return `skerry ${podUid} ${sandboxId} ${address}`;
}

/** From `ip -json link show` and `ip -json route show`: pods whose link is whole. */
export function parseWired(links: string, routes: string): ReadonlyMap<string, Wired> {
  const routed = new Map(ipRecords(routes).map((route) => [textOf(route, 'dst'), textOf(route, 'dev')]));
  const wired = new Map<string, Wired>();
  for (const link of ipRecords(links)) {
    const [mark, podUid, sandboxId, address] = textOf(link, 'ifalias').split(' ');
    const name = textOf(link, 'ifname');
    if (mark !== 'skerry' || podUid === undefined || sandboxId === undefined || address === undefined) continue;
    const flags = Array.isArray(link['flags']) ? link['flags'] : [];
    if (name === interfaceName(podUid) && flags.includes('UP') && routed.get(address) === name)
      wired.set(podUid, { sandboxId, address });
  }
  return wired;
}

/** Every interface whose name begins so; ours, whole or not, where nothing is said. */
export function parseInterfaces(links: string, prefix = INTERFACE_PREFIX): readonly string[] {
  return ipRecords(links)
    .map((link) => textOf(link, 'ifname'))
    .filter((name) => name.startsWith(prefix));
}

/** Interface → uid of the pod whose link it is, whole or not. */
export function parseAliases(links: string): ReadonlyMap<string, string> {
  return new Map(
    ipRecords(links).flatMap((link) => {
      const [mark, podUid] = textOf(link, 'ifalias').split(' ');
      return mark === 'skerry' && podUid !== undefined ? [[textOf(link, 'ifname'), podUid] as const] : [];
    }),
  );
}

const MTU_DEFAULT = 1500;

/** The MTU of the interface that the default route goes through. */
export function parseMtu(links: string, defaultRoutes: string): number {
  const device = ipRecords(defaultRoutes)[0]?.['dev'];
  const mtu = ipRecords(links).find((link) => link['ifname'] === device)?.['mtu'];
  return typeof mtu === 'number' && mtu > 0 ? Math.min(mtu, MTU_DEFAULT) : MTU_DEFAULT;
}
