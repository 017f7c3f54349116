import type { Backend, ServiceTable } from './service-table.ts';

/**
 * Conntrack zones of UDP services. A UDP flow has no end: as long as packets come, the kernel sends them where the first went, also when nobody is there any more. In another
 * zone they are new, and led anew. A frontend's zone changes when an endpoint of it leaves, and then only: flows that go on get another source port by it.
 */
export type UdpFrontends = ReadonlyMap<Frontend, readonly string[]>;

/** `10.96.0.10:53`, or `*:30053` for a node port. */
export type Frontend = string;

/** The frontends of before that are gone are kept in their new zones, this many: their flows have to end as well. */
const GONE_MAX = 256;
const ZONES = 254;
const ALIKE = 0x0101;

/** Every UDP frontend with its backends. */
export function udpFrontends(table: ServiceTable): UdpFrontends {
  return new Map(
    table.ports
      .filter(({ protocol }) => protocol === 'udp')
      .flatMap(({ port, clusterIp, externalIps, nodePort, internal, external, shortcut = [] }) => [
        [`${clusterIp}:${port}`, internal.map(textOf)] as const,
        ...externalIps.map((address) => [`${address}:${port}`, [...external, ...shortcut].map(textOf)] as const),
        ...(nodePort === undefined ? [] : [[`*:${nodePort}`, [...external, ...shortcut].map(textOf)] as const]),
      ]),
  );
}

/** A frontend that is not in the answer is in the zone of everything else. Of those that are gone, the newest come last. */
export function nextZones(
  zones: ReadonlyMap<Frontend, number>,
  before: UdpFrontends,
  after: UdpFrontends,
): ReadonlyMap<Frontend, number> {
  const next = new Map(zones);
  const bump = (frontend: Frontend) => {
    const zone = zoneAfter(next.get(frontend));
    next.delete(frontend);
    next.set(frontend, zone);
  };
  for (const [frontend, backends] of before)
    if (backends.some((backend) => after.get(frontend)?.includes(backend) !== true)) bump(frontend);
  // What came to an address of the node before there was the service was led nowhere, and would be so further on.
  for (const frontend of after.keys()) if (!before.has(frontend) && !next.has(frontend)) bump(frontend);
  const gone = [...next.keys()].filter((frontend) => !after.has(frontend));
  for (const frontend of gone.slice(0, Math.max(0, gone.length - GONE_MAX))) next.delete(frontend);
  return next;
}

/** 0x0101, 0x0202, …: nft 0.9.8 swaps their two bytes. */
function zoneAfter(zone = 0): number {
  return ALIKE * ((zone / ALIKE) % ZONES) + ALIKE;
}

function textOf({ address, port }: Backend): string {
  return `${address}:${port}`;
}
