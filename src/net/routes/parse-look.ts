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
    addresses: records(addresses).flatMap((link) => {
      const infos = Array.isArray(link['addr_info']) ? link['addr_info'] : [];
      return infos.flatMap((each: unknown) => {
        const info = asRecord(each);
        const prefix = Number(info['prefixlen']);
        const address = text(info, 'local');
        return address === '' || !(prefix > 0 && prefix < 32) ? [] : [{ device: text(link, 'ifname'), address, prefix }];
      });
    }),
    neighbours: records(neighbours).flatMap((entry) => {
      const [state = ''] = Array.isArray(entry['state']) ? entry['state'].map(String) : [];
      const known = STATES[state];
      return known === undefined
        ? []
        : [{ address: text(entry, 'dst'), device: text(entry, 'dev'), mac: text(entry, 'lladdr').toLowerCase(), state: known }];
    }),
    routes: records(routes).map((route) => ({
      cidr: text(route, 'dst'),
      via: text(route, 'gateway'),
      device: text(route, 'dev'),
    })),
    gateways: records(defaults).flatMap((route) => {
      const address = text(route, 'gateway');
      return address === '' ? [] : [{ address, device: text(route, 'dev') }];
    }),
  };
}

function text(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}

/** `ip -json` prints nothing at all where there is nothing. */
function records(json: string): readonly Readonly<Record<string, unknown>>[] {
  const parsed: unknown = json.trim() === '' ? [] : JSON.parse(json);
  return Array.isArray(parsed) ? parsed.map(asRecord) : [];
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Just checked to be an object; its fields stay unknown.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
