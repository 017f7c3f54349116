import { asRecord, ipRecords, textOf } from '../wire/ip-json.ts';
import type { LanRoute } from './lan-routes.ts';

/** From what `ip -json` says to what counts of it. */
export type LanLook = {
  /** Interfaces that are up, with this machine's addresses in their networks. */
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly prefix: number }[];
  readonly neighbours: readonly Neighbour[];
  /** Ours. */
  readonly routes: readonly LanRoute[];
  readonly gateways: readonly { readonly address: string; readonly device: string }[];
};

export type Neighbour = {
  readonly address: string;
  readonly device: string;
  /** In lower case; '' where nobody has answered. */
  readonly mac: string;
  readonly state: NeighbourState;
};

/**
 * answers: just confirmed;  known: answered once, not asked since;  asked: under way;  silent: asked, and nobody answered.
 */
export type NeighbourState = 'answers' | 'known' | 'asked' | 'silent';

const STATES: Readonly<Record<string, NeighbourState>> = {
  REACHABLE: 'answers',
  PERMANENT: 'answers',
  NOARP: 'answers',
  STALE: 'known',
  DELAY: 'asked',
  PROBE: 'asked',
  INCOMPLETE: 'asked',
  FAILED: 'silent',
};

export function parseLook(addresses: string, neighbours: string, routes: string, defaults: string): LanLook {
  return {
    addresses: ipRecords(addresses).flatMap((link) => {
      const infos = Array.isArray(link['addr_info']) ? link['addr_info'] : [];
      return infos.flatMap((each: unknown) => {
        const info = asRecord(each);
        const prefix = Number(info['prefixlen']);
        const address = textOf(info, 'local');
        return address === '' || !(prefix > 0 && prefix < 32) ? [] : [{ device: textOf(link, 'ifname'), address, prefix }];
      });
    }),
    neighbours: ipRecords(neighbours).flatMap((entry) => {
      const [state = ''] = Array.isArray(entry['state']) ? entry['state'].map(String) : [];
      const known = STATES[state];
      return known === undefined
        ? []
        : [
            {
              address: textOf(entry, 'dst'),
              device: textOf(entry, 'dev'),
              mac: textOf(entry, 'lladdr').toLowerCase(),
              state: known,
            },
          ];
    }),
    routes: ipRecords(routes).map((route) => ({
      cidr: textOf(route, 'dst'),
      via: textOf(route, 'gateway'),
      device: textOf(route, 'dev'),
    })),
    gateways: ipRecords(defaults).flatMap((route) => {
      const address = textOf(route, 'gateway');
      return address === '' ? [] : [{ address, device: textOf(route, 'dev') }];
    }),
  };
}

/** From /proc/net/route, where addresses are numbers of the machine's own byte order: every board of ours is little-endian. */
export function parseRouteTable(text: string, metric: string): readonly LanRoute[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', destination = '', gateway = '', , , , itsMetric, mask = ''] = line.split('\t');
    if (itsMetric !== metric) return [];
    return [{ cidr: `${dotted(destination)}/${ones(mask)}`, via: dotted(gateway), device }];
  });
}

function dotted(hex: string): string {
  return [...Buffer.from(hex, 'hex').reverse()].join('.');
}

function ones(mask: string): number {
  return BigInt(`0x${mask}`).toString(2).replaceAll('0', '').length;
}
