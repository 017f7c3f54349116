import type { ServiceItem } from '#api/link/items.ts';
import { remember } from '#lib/remember.ts';
import type { Backend, ServicePortRules, ServiceTable } from '#net/services/service-table.ts';
import { chooseEndpoints, policyOf } from './choose-endpoints.ts';
import type { KnownEndpoint, KnownService, ServiceView } from './service-view.ts';

/**
 * From what the node knows of services to what its kernel is to do: which endpoints each port leads to, and which ports stay the machine's own. Pure; of
 * services that have not changed what was made before is taken.
 */
export type TableContext = Omit<ServiceTable, 'ports'> & {
  /** Where the API is served to pods. */
  readonly api: Backend;
  /** The machine's addresses, but loopback. */
  readonly ownAddresses: ReadonlySet<string>;
  /** `tcp/8080` → who has this port on the machine itself. */
  readonly taken: ReadonlyMap<string, string>;
};

/** A port or an address that a service asks for and does not get here. */
export type Refusal = { readonly namespace: string; readonly name: string; readonly message: string };

export type MadeTable = { readonly table: ServiceTable; readonly refusals: readonly Refusal[] };

type Part = { readonly retained: boolean; readonly ports: readonly PlacedPort[]; readonly refusals: readonly Refusal[] };

type PlacedPort = { readonly rules: ServicePortRules; readonly places: readonly string[] };

/** Whatever listens there: nobody is to be locked out of a machine by a Service. */
const SSH_PORT = 22;
const AFFINITY_SECONDS_DEFAULT = 10_800;

export function createTableMaker(): (view: ServiceView, context: TableContext) => MadeTable {
  const partsOf = remember(partOf);
  let held: { readonly text: string; readonly context: TableContext } | undefined;
  return (view, asked) => {
    const text = textOf(asked);
    // The same value as long as it says the same.
    if (text !== held?.text) held = { text, context: asked };
    const { context } = held;
    const all = view.services.map((service) => partsOf(service, context));
    const { serviceCidr, clusterCidr, podCidr, address, redirects, untracked } = context;
    const { ports, refusals } = withoutTwice(all, ownersOf(all));
    return { table: { serviceCidr, clusterCidr, podCidr, address, redirects, untracked, ports }, refusals };
  };
}

function textOf({ ownAddresses, taken, ...rest }: TableContext): string {
  return JSON.stringify([rest, [...ownAddresses].toSorted(), [...taken].map(([port, who]) => `${port} ${who}`).toSorted()]);
}

function partOf({ item, endpoints, ...service }: KnownService, context: TableContext): Part {
  const { spec } = item;
  const retained = service.retained === true;
  const { clusterIP = '' } = spec;
  if (spec.type === 'ExternalName' || clusterIP === '' || clusterIP === 'None') return { retained, ports: [], refusals: [] };
  const refusals: string[] = [];
  const addresses = balancerAddresses(item, context, refusals);
  const ports = (spec.ports ?? []).flatMap((port): readonly PlacedPort[] => {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    const { name = '' } = port;
    const internal = backends(chooseEndpoints(endpoints, policyOf(spec.internalTrafficPolicy)), name, protocol);
    const isOutside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    const nodePort = isOutside ? allowed(port.nodePort, 'nodePort', protocol, context, refusals) : undefined;
    // Where the address is this machine's, the port there must be free as well.
    const isFree =
      addresses.length === 0 || allowed(port.port, 'port of its load balancer', protocol, context, refusals) !== undefined;
    const { sessionAffinity, sessionAffinityConfig } = spec;
    const rules: ServicePortRules = {
      key: `${item.metadata.namespace}/${item.metadata.name}${name === '' ? '' : `:${name}`}`,
      protocol,
      port: port.port,
      clusterIp: clusterIP,
      externalIps: isFree ? addresses : [],
      ...(nodePort === undefined ? {} : { nodePort }),
      ...(sessionAffinity === 'ClientIP'
        ? { affinitySeconds: sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT }
        : {}),
      internal: isApi(item) ? [context.api] : internal,
      external: isOutside ? backends(chooseEndpoints(endpoints, policyOf(spec.externalTrafficPolicy)), name, protocol) : [],
      ...(isOutside && spec.externalTrafficPolicy === 'Local'
        ? { shortcut: backends(chooseEndpoints(endpoints, 'Cluster'), name, protocol) }
        : {}),
    };
    return [{ rules, places: placesOf(rules) }];
  });
  const { namespace, name } = item.metadata;
  return { retained, ports, refusals: refusals.map((message) => ({ namespace, name, message })) };
}

/** The server's own Service: every node serves it itself. */
const isApi = ({ metadata }: ServiceItem): boolean => metadata.namespace === 'default' && metadata.name === 'kubernetes';

function backends(chosen: readonly KnownEndpoint[], name: string, protocol: 'tcp' | 'udp'): readonly Backend[] {
  const found = new Map<string, Backend>();
  for (const { address, ports } of chosen)
    for (const port of ports)
      if (port.name === name && port.protocol.toLowerCase() === protocol)
        found.set(`${address}:${port.port}`, { address, port: port.port });
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend);
}

/**
 * Of a balancer's addresses only this machine's own are led: another node's are led there, the server's among them where it runs a node, and what is neither may be
 * anybody's (two sites may have the same LAN).
 */
function balancerAddresses({ spec, addresses = [] }: ServiceItem, context: TableContext, refusals: string[]): readonly string[] {
  if (spec.type !== 'LoadBalancer') return [];
  return addresses.filter((address) => {
    if (address.startsWith('127.') || address.startsWith('169.254.')) {
      refusals.push(`its load balancer's address ${address} is a loopback or link-local one`);
      return false;
    }
    return context.ownAddresses.has(address);
  });
}

function allowed(
  port: number | undefined,
  what: string,
  protocol: 'tcp' | 'udp',
  { taken }: TableContext,
  refusals: string[],
): number | undefined {
  if (port === undefined || port === 0) return undefined;
  const who = port === SSH_PORT && protocol === 'tcp' ? 'it is the way in for operators (SSH)' : taken.get(`${protocol}/${port}`);
  if (who === undefined) return port;
  refusals.push(`its ${what} ${port}/${protocol.toUpperCase()} stays this machine's: ${who}`);
  return undefined;
}

/** Where a connection is led (`10.96.0.7:80/tcp`, `:30080/tcp` at the node) → the key of what has it. */
type Owners = ReadonlyMap<string, string>;

const atCluster = ({ clusterIp, port, protocol }: ServicePortRules) => `${clusterIp}:${port}/${protocol}`;
const atNode = ({ nodePort, protocol }: ServicePortRules) => `:${nodePort}/${protocol}`;
const atAddress = (address: string, { port, protocol }: ServicePortRules) => `${address}:${port}/${protocol}`;

const placesOf = (rules: ServicePortRules): readonly string[] => [
  atCluster(rules),
  ...(rules.nodePort === undefined ? [] : [atNode(rules)]),
  ...rules.externalIps.map((address) => atAddress(address, rules)),
];

/**
 * Of two services after one port, who had it keeps it. The API gives none twice, but a restored database gives what the node still keeps for a service of the
 * one before: that was first, on every node that knows of it and after any restart, whatever clocks say. Else the first by name.
 */
function ownersOf(parts: readonly Part[]): Owners {
  const owners = new Map<string, string>();
  const inOrder = [...parts.filter(({ retained }) => retained), ...parts.filter(({ retained }) => !retained)];
  for (const { ports } of inOrder)
    for (const { rules, places } of ports) for (const place of places) if (!owners.has(place)) owners.set(place, rules.key);
  return owners;
}

function withoutTwice(
  parts: readonly Part[],
  owners: Owners,
): { readonly ports: readonly ServicePortRules[]; readonly refusals: readonly Refusal[] } {
  const refusals = parts.flatMap((part) => part.refusals);
  const claim = (where: string, key: string, told: string): boolean => {
    const owner = owners.get(where);
    if (owner === key) return true;
    const [service = ''] = key.split(':');
    const [namespace = '', name = ''] = service.split('/');
    refusals.push({ namespace, name, message: `${told} is ${owner}'s already` });
    return false;
  };
  const ports = parts.flatMap((part) =>
    part.ports.flatMap(({ rules, places }): ServicePortRules | readonly ServicePortRules[] => {
      const { key, clusterIp, port, nodePort } = rules;
      // The same value as before, for whoever remembers what was made of it.
      if (places.every((place) => owners.get(place) === key)) return rules;
      if (!claim(atCluster(rules), key, `its address ${clusterIp}, port ${port},`)) return [];
      const hasNodePort = nodePort !== undefined && claim(atNode(rules), key, `its nodePort ${nodePort}`);
      const externalIps = rules.externalIps.filter((address) =>
        claim(atAddress(address, rules), key, `port ${port} of its load balancer's address ${address}`),
      );
      const { nodePort: _, ...without } = rules;
      return [{ ...without, externalIps, ...(hasNodePort ? { nodePort } : {}) }];
    }),
  );
  return { ports, refusals };
}
