import { remember } from '#lib/remember.ts';
import { endpointName, portName } from './rule-names.ts';
import type { Backend, Redirect, ServicePortRules, ServiceTable } from './service-table.ts';

/**
 * What the ways of a table are, before either backend puts them into its words: chains that lead, and what leads to which of them. Both data paths are
 * written from this, so that they can not differ in it.
 */
export type ServiceChains = {
  readonly chains: readonly LeadingChain[];
  readonly addresses: readonly Way[];
  readonly nodePorts: readonly Way[];
};

/** Steps are tried in order; the last one always leads somewhere, where there are backends at all. */
export type LeadingChain = {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  /** Clients for whom another chain holds: pods and the node itself, where outside clients have only this node's endpoints. */
  readonly insideTo: string | undefined;
  readonly backends: readonly Backend[];
  /** Of the same length as backends where clients stay with theirs. */
  readonly sticky: { readonly seconds: number; readonly names: readonly string[] } | undefined;
};

/** `address` is undefined for node ports. */
export type Way = {
  readonly address: string | undefined;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Undefined: nobody is there. */
  readonly to: string | undefined;
  /** What comes of a packet that nobody was led by. Undefined: its whole network is refused. */
  readonly otherwise: 'refuse' | 'drop' | undefined;
};

/** Gives what makes them: of ports that are the same value as before, what was made of them then. */
export function createServiceChains(): (table: ServiceTable) => ServiceChains {
  const known = remember(portChains);
  const places = remember(place);
  return (table) =>
    serviceChains(
      table,
      (port) => known(port, undefined),
      (way) => places(way, undefined),
    );
}

function serviceChains(table: ServiceTable, chainsOf: typeof portChains, placeOf: typeof place): ServiceChains {
  const ports = [...table.ports.map(chainsOf), ...table.redirects.map((redirect) => portChains(redirectPort(redirect, table)))];
  const ways = ports.flatMap((port) => port.ways).filter(isFirst(placeOf));
  return {
    chains: ports.flatMap(({ chains }) => chains),
    addresses: ways.filter(({ address }) => address !== undefined),
    nodePorts: ways.filter(({ address }) => address === undefined),
  };
}

/** Of two services after one address and port, or one node port, the first in the table has it. */
function isFirst(placeOf: typeof place): (way: Way) => boolean {
  const taken = new Set<string>();
  return (way) => {
    const before = taken.size;
    return taken.add(placeOf(way)).size > before;
  };
}

function place({ address = '*', protocol, port }: Way): string {
  return `${address} ${protocol} ${port}`;
}

/** A redirect is a port whose only backend is the node itself. */
function redirectPort({ protocol, port, toPort }: Redirect, { address }: ServiceTable): ServicePortRules {
  const internal = [{ address, port: toPort }];
  const key = `redirect ${port}`;
  return { key, protocol, port, clusterIp: address, externalIps: [], internal, external: [] };
}

function portChains(port: ServicePortRules): { readonly chains: readonly LeadingChain[]; readonly ways: readonly Way[] } {
  const { protocol, clusterIp, externalIps, nodePort, internal, external, shortcut } = port;
  const name = portName(port);
  const isReachable = nodePort !== undefined || externalIps.length > 0;
  const chains = new Map<string, LeadingChain>();
  /** Of the same backends there is one chain. */
  const to = (letter: string, backends: readonly Backend[], insideTo?: string): string | undefined => {
    if (backends.length === 0 && insideTo === undefined) return undefined;
    const same = [...chains.values()].find((made) => made.insideTo === insideTo && isSame(made.backends, backends));
    const made = same ?? chain(port, `${letter}-${name}`, backends, insideTo);
    chains.set(made.name, made);
    return made.name;
  };
  const inside = to('i', internal);
  const insideTo = isReachable && shortcut !== undefined ? to('s', shortcut) : undefined;
  const outside = isReachable ? to('x', external, insideTo) : undefined;
  const otherwise = insideTo === undefined ? 'refuse' : 'drop';
  return {
    chains: [...chains.values()],
    ways: [
      { address: clusterIp, protocol, port: port.port, to: inside, otherwise: undefined },
      ...externalIps.map((address) => ({ address, protocol, port: port.port, to: outside, otherwise }) as const),
      ...(nodePort === undefined ? [] : [{ address: undefined, protocol, port: nodePort, to: outside, otherwise } as const]),
    ],
  };
}

function chain(port: ServicePortRules, name: string, backends: readonly Backend[], insideTo: string | undefined): LeadingChain {
  const { protocol, affinitySeconds: seconds } = port;
  const names = () => backends.map((backend) => endpointName(port, backend));
  return { name, protocol, insideTo, backends, sticky: seconds === undefined ? undefined : { seconds, names: names() } };
}

function isSame(a: readonly Backend[], b: readonly Backend[]): boolean {
  return a.length === b.length && a.every(({ address, port }, at) => address === b[at]?.address && port === b[at]?.port);
}
