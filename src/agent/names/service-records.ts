import type { DnsRecord, RecordGroup } from '#net/dns/record.ts';
import type { KnownEndpoint, KnownService } from '../services/service-view.ts';
import { reverseName } from './reverse-names.ts';

/** The records of one service, as the Kubernetes DNS specification 1.1.0 has them (github.com/kubernetes/dns, docs/specification.md), of IPv4. */
export function serviceRecords({ item, endpoints }: KnownService, domain: string): RecordGroup {
  const { spec } = item;
  const base = `${item.metadata.name}.${item.metadata.namespace}.svc.${domain}`;
  if (spec.type === 'ExternalName')
    return spec.externalName === undefined ? [] : [{ name: base, type: 'CNAME', target: spec.externalName }];
  const shown = endpoints.filter(
    ({ unready, address }) => (unready !== true || spec.publishNotReadyAddresses === true) && !address.includes(':'),
  );
  if (spec.clusterIP === 'None') return headlessRecords(base, shown);
  return spec.clusterIP === undefined || spec.clusterIP === ''
    ? []
    : [...clusterIpRecords(base, spec.clusterIP, spec.ports ?? []), ...hostnameRecords(base, shown)];
}

type Ports = readonly { readonly name?: string; readonly protocol?: string; readonly port: number }[];

function clusterIpRecords(base: string, address: string, ports: Ports): RecordGroup {
  const named = ports.flatMap(({ name = '', protocol = 'TCP', port }): readonly DnsRecord[] =>
    name === '' ? [] : [{ name: portName(name, protocol, base), type: 'SRV', port, weight: WEIGHTS, target: base }],
  );
  return [{ name: base, type: 'A', address }, { name: reverseName(address), type: 'PTR', target: base }, ...named];
}

/** No endpoint, no name. */
function headlessRecords(base: string, shown: readonly KnownEndpoint[]): RecordGroup {
  const heard = preferHeard(shown);
  const addresses = [...new Set(heard.map(({ address }) => address))];
  const named = new Map<string, Map<string, DnsRecord & { readonly type: 'SRV' }>>();
  for (const endpoint of heard)
    for (const { name, protocol, port } of endpoint.ports) {
      if (name === '') continue;
      const target = endpointName(endpoint, base);
      const owner = portName(name, protocol, base);
      const records = named.get(owner) ?? new Map<string, DnsRecord & { readonly type: 'SRV' }>();
      named.set(owner, records.set(`${target} ${port}`, { name: owner, type: 'SRV', port, weight: 1, target }));
    }
  const targets = new Map(heard.map((endpoint) => [`${endpoint.address} ${endpointName(endpoint, base)}`, endpoint]));
  return [
    ...addresses.map((address): DnsRecord => ({ name: base, type: 'A', address })),
    ...hostnameRecords(base, shown),
    ...[...targets.values()].flatMap((endpoint): readonly DnsRecord[] => [
      ...(hasHostname(endpoint) ? [] : [{ name: endpointName(endpoint, base), type: 'A', address: endpoint.address } as const]),
      { name: reverseName(endpoint.address), type: 'PTR', target: endpointName(endpoint, base) },
    ]),
    ...[...named.values()].flatMap((records) =>
      [...records.values()].map((record): DnsRecord => ({ ...record, weight: Math.max(1, Math.floor(WEIGHTS / records.size)) })),
    ),
  ];
}

/** Names that pods were given by themselves; each is resolved by who bears it, also where all that bear it are doubtful. */
function hostnameRecords(base: string, shown: readonly KnownEndpoint[]): RecordGroup {
  const bearers = Map.groupBy(shown.filter(hasHostname), (endpoint) => endpointName(endpoint, base));
  return [...bearers].flatMap(([name, endpoints]) =>
    [...new Set(preferHeard(endpoints).map(({ address }) => address))].map((address): DnsRecord => ({
      name,
      type: 'A',
      address,
    })),
  );
}

/** Of all records of one name. */
const WEIGHTS = 100;

/** Endpoints on nodes of which nothing is heard are the last resort. */
function preferHeard(endpoints: readonly KnownEndpoint[]): readonly KnownEndpoint[] {
  const heard = endpoints.filter(({ isDoubtful }) => !isDoubtful);
  return heard.length > 0 ? heard : endpoints;
}

function hasHostname({ hostname = '' }: KnownEndpoint): boolean {
  return hostname !== '';
}

function endpointName({ hostname = '', address }: KnownEndpoint, base: string): string {
  return `${hostname === '' ? address.replaceAll('.', '-') : hostname}.${base}`;
}

function portName(name: string, protocol: string, base: string): string {
  return `_${name}._${protocol.toLowerCase()}.${base}`;
}
