import { SERVICE_PREFIX } from './nft-rules.ts';
import type { FoundRules } from './rules-tool.ts';

/** What an earlier run of the agent has left, as `nft list table` tells of it: only our own words are looked for, which all releases of nft write alike. */
export type NftStanding = {
  readonly chains: readonly string[];
  readonly sets: readonly { readonly type: 'map' | 'set'; readonly name: string }[];
};

export function parseNftStanding(listing: string): NftStanding {
  const blocks = blocksOf(listing);
  const named = (wanted: string) => blocks.flatMap(({ type, name }) => (type === wanted ? [name] : []));
  return {
    chains: named('chain'),
    sets: (['map', 'set'] as const).flatMap((type) => named(type).map((name) => ({ type, name }))),
  };
}

export function parseNftFound(listing: string): FoundRules {
  const blocks = new Map(blocksOf(listing).map(({ name, body }) => [name, body]));
  const body = (name: string) => blocks.get(`${SERVICE_PREFIX}${name}`) ?? '';
  const zones = [
    ...[...body('zones').matchAll(/([\d.]+) \. (\d+) : (\d+)/g)].map(
      ([, address, port, zone]) => [`${address}:${port}`, Number(zone)] as const,
    ),
    ...[...body('zone-ports').matchAll(/(\d+) : (\d+)/g)].map(([, port, zone]) => [`*:${port}`, Number(zone)] as const),
  ];
  const frontends = [
    ...[...body('addresses').matchAll(/([\d.]+) \. (?:udp|17) \. (\d+) : goto (\S+)/g)].map(
      ([, address, port, chain]) => [`${address}:${port}`, chain] as const,
    ),
    ...[...body('node-ports').matchAll(/(?:udp|17) \. (\d+) : goto (\S+)/g)].map(
      ([, port, chain]) => [`*:${port}`, chain] as const,
    ),
  ];
  return {
    zones: new Map(zones),
    frontends: new Map(frontends.map(([frontend, chain = '']) => [frontend, backendsOf(chain.replace(',', ''), blocks, 0)])),
  };
}

/** A chain leads on to others at most twice: to the one for clients inside, and from there to one of an endpoint. */
const DEPTH_MAX = 2;

function backendsOf(chain: string, blocks: ReadonlyMap<string, string>, depth: number): readonly string[] {
  const body = blocks.get(chain) ?? '';
  const own = [...body.matchAll(/(\d+\.\d+\.\d+\.\d+)(?: \. |:)(\d+)/g)].map(([, address, port]) => `${address}:${port}`);
  if (depth === DEPTH_MAX) return own;
  const others = [...body.matchAll(/goto (svc-[\w-]+)/g)].flatMap(([, name = '']) => backendsOf(name, blocks, depth + 1));
  return [...own, ...others];
}

type Block = { readonly type: string; readonly name: string; readonly body: string };

function blocksOf(listing: string): readonly Block[] {
  const found = listing.matchAll(/^\t(chain|map|set) (\S+) \{\n([\s\S]*?)^\t\}/gm);
  return [...found].flatMap(([, type = '', name = '', body = '']) =>
    name.startsWith(SERVICE_PREFIX) ? [{ type, name, body }] : [],
  );
}
