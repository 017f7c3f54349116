/**
 * The addresses of services of type LoadBalancer where there is no balancer: those of nodes, which lead the service's ports to its pods. Nodes that an
 * operator has labelled for it, or else those on which the service has endpoints that are ready. A port of an address is one service's, the eldest's.
 * Services of another class are left to who serves it.
 */
import { semanticEqual } from '#api/equal.ts';
import { SERVICE_NAME_LABEL, type Endpoint, type EndpointSlice } from '#api/kinds/endpoint-slice.ts';
import { isOrdinaryIpv4 } from '#api/kinds/service/special-addresses.ts';
import { isNodeReady, nodeAddress, nodeCondition, type Node } from '#api/kinds/node.ts';
import type { Condition } from '#api/generated/types.ts';
import { isOwnLoadBalancer, type Service } from '#api/kinds/service.ts';
import { rfc3339 } from '#lib/time.ts';
import type { View } from '../../view.ts';
import { conditionsPatch, mergePatch } from '../changes.ts';
import type { Controller, News, Note, Outcome } from '../controller.ts';
import { keyOf, parseKey } from '../keys.ts';
import { serviceOf, SERVICES } from './service-pods.ts';
import { SLICES } from './slices.ts';

/** On a node: it takes in traffic of every service of type LoadBalancer. Once one node has it, only those that do. `false` is as if it were not there. */
export const LOAD_BALANCER_LABEL = 'skerry.dev/load-balancer';
/** Upstream's: never this node. */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Every node is told the addresses of every service. */
export const ADDRESSES_MAX = 100;
/** A condition, `True` with reason `wrong` or `False` with `right`, and the event of the former. */
type Trouble = { readonly type: string; readonly wrong: string; readonly right: string; readonly event: Note['type'] };

/** Upstream's condition of a service whose ports its load balancer can not have. */
const PORTS: Trouble = { type: 'LoadBalancerPortsError', wrong: 'PortTaken', right: 'PortsFree', event: 'Warning' };
/** It has no address yet, or no longer: pods that start are no reason for a warning. */
const PENDING: Trouble = {
  type: 'skerry.dev/LoadBalancerPending',
  wrong: 'LoadBalancerPending',
  right: 'NotPending',
  event: 'Normal',
};
/** A service is older than its endpoints: nothing is said of one as young. */
export const PENDING_AFTER_MS = 10_000;
const TAKEN_TOLD_MAX = 10;
const NODES_TOLD_MAX = 10;

export const loadBalancerController: Controller = {
  name: 'service-lb',
  keysOf,
  keys: (view) => services(view).filter(concerns).map(keyOf),
  reconcile: (key, view, now) => {
    const { namespace, name } = parseKey(key);
    const service = serviceOf(view, namespace, name);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined || !concerns(service)) return { changes: [] };
    return reconcile(service, view, now);
  },
};

function services(view: View): readonly Service[] {
  // Sound: the store keeps under this resource only objects of this kind.
  return view.list(SERVICES) as readonly Service[];
}

/** Also those whose type was changed and that still tell addresses, or why they have none. */
function concerns(service: Service): boolean {
  if (service.spec?.type === 'LoadBalancer') return isOwnLoadBalancer(service);
  const { loadBalancer, conditions = [] } = service.status ?? {};
  const isTold = conditions.some(({ type, status }) => status === 'True' && (type === PORTS.type || type === PENDING.type));
  return isTold || (loadBalancer?.ingress ?? []).length > 0;
}

function reconcile(service: Service, view: View, now: number): Outcome {
  const candidates = isOwnLoadBalancer(service) ? candidatesFor(service, view) : { addresses: [] };
  const holders = candidates.addresses.map((address) => ({ address, holder: holderOf(address, service, view) }));
  const addresses = holders.filter(({ holder }) => holder === undefined).map(({ address }) => address);
  const ingress = addresses.slice(0, ADDRESSES_MAX).map((ip) => ({ ip, ipMode: 'VIP' }));
  const taken = holders.filter(({ holder }) => holder !== undefined);
  const why = taken.map(({ address, holder }) => `${address}: ${holder}`).slice(0, TAKEN_TOLD_MAX);
  const message = taken.length === 0 ? '' : `A port of it leads to another service already, at ${why.join(', ')}`;
  const youngMs = candidates.lacking === undefined ? 0 : Math.max(0, PENDING_AFTER_MS - ageMs(service, now));
  const lacking = youngMs > 0 ? undefined : candidates.lacking;
  const said = [sayingOf(service, PORTS, message, now), sayingOf(service, PENDING, lacking ?? '', now)].flatMap(
    (saying) => saying ?? [],
  );
  const conditions = said.map(({ condition }) => condition);
  return {
    changes: [
      ...(semanticEqual(service.status?.loadBalancer?.ingress, ingress)
        ? []
        : [
            mergePatch(
              SERVICES,
              service,
              { status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } },
              'status',
            ),
          ]),
      ...(conditions.length === 0 ? [] : [conditionsPatch(SERVICES, service, conditions)]),
    ],
    events: said.flatMap(({ note }) => note ?? []),
    ...(youngMs === 0 ? {} : { afterMs: youngMs }),
  };
}

/** Clocks that were set make none old or young for ever. */
function ageMs({ metadata }: Service, now: number): number {
  const ms = now - Date.parse(metadata.creationTimestamp ?? '');
  return ms >= 0 ? ms : PENDING_AFTER_MS;
}

/** The elder service that has this address with one of these ports. */
function holderOf(address: string, service: Service, view: View): string | undefined {
  const ports = new Set(portsOf(service));
  const holder = services(view).find(
    (other) =>
      isOwnLoadBalancer(other) &&
      isElder(other, service) &&
      other.status?.loadBalancer?.ingress?.some(({ ip }) => ip === address) === true &&
      portsOf(other).some((port) => ports.has(port)),
  );
  return holder === undefined ? undefined : keyOf(holder);
}

const portsOf = ({ spec }: Service): readonly string[] =>
  (spec?.ports ?? []).map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`);

function isElder({ metadata: a }: Service, { metadata: b }: Service): boolean {
  const [born, bornOther] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
  return born === bornOther ? (a.uid ?? '') < (b.uid ?? '') : born < bornOther;
}

type Saying = { readonly condition: Condition; readonly note?: Note };

/** What is to be said of it differently; an empty message: there is no such trouble. */
function sayingOf(service: Service, { type, wrong, right, event }: Trouble, message: string, now: number): Saying | undefined {
  const old = service.status?.conditions?.find((each) => each.type === type);
  const next = message === '' ? { status: 'False', reason: right } : { status: 'True', reason: wrong };
  if (old === undefined ? message === '' : old.status === next.status && old.message === message) return undefined;
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : rfc3339(now);
  const { generation } = service.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return {
    condition: { type, ...next, message, lastTransitionTime, ...observed },
    ...(message === '' ? {} : { note: { about: service, type: event, reason: wrong, message } }),
  };
}

/** Addresses in the order of the nodes' names; without one of our family that others can reach a node has none to give. Of none, what is lacking. */
function candidatesFor(service: Service, view: View): { readonly addresses: readonly string[]; readonly lacking?: string } {
  const all = view.list('nodes') as readonly Node[];
  const nodes = all.filter((node) => !isExcluded(node));
  const labelled = nodes.filter(({ metadata }) => isLabelled(metadata.labels));
  const names = new Set(nodesOf(service, view));
  const hasEndpoint = ({ metadata }: Node): boolean => names.has(metadata.name ?? '');
  const keepsClient = service.spec?.externalTrafficPolicy === 'Local';
  const chosen =
    labelled.length === 0
      ? nodes.filter(hasEndpoint)
      : preferred(
          labelled.filter((node) => !keepsClient || hasEndpoint(node)),
          isNodeReady,
        );
  const addresses = chosen.flatMap((node) => {
    const address = nodeAddress(node, 'ExternalIP') ?? nodeAddress(node, 'InternalIP') ?? '';
    return isOrdinaryIpv4(address) ? [address] : [];
  });
  if (addresses.length > 0) return { addresses: [...new Set(addresses)] };
  if (chosen.length > 0) return { addresses, lacking: `No IPv4 address by which others can reach its nodes: ${told(chosen)}` };
  const away = all.filter((node) => hasEndpoint(node) && !nodes.includes(node));
  const label = labelled.length === 0 ? '' : ` with label ${LOAD_BALANCER_LABEL}`;
  const excluded = away.length === 0 ? '' : `, but for those with label ${EXCLUDED_LABEL}: ${told(away)}`;
  return { addresses, lacking: `No node${label} has an endpoint of it that is ready${excluded}` };
}

const told = (nodes: readonly Node[]): string =>
  nodes
    .map(({ metadata }) => metadata.name)
    .slice(0, NODES_TOLD_MAX)
    .join(', ');

const isExcluded = ({ metadata }: Node): boolean => metadata.labels?.[EXCLUDED_LABEL] !== undefined;

const isLabelled = (labels: Readonly<Record<string, string>> = {}): boolean =>
  Object.hasOwn(labels, LOAD_BALANCER_LABEL) && labels[LOAD_BALANCER_LABEL] !== 'false';

/** Nodes with endpoints that are ready; where there is none, those that fell silent with theirs: on their LAN they may well serve. */
function nodesOf({ metadata }: Service, view: View): readonly string[] {
  const slices = (view.list(SLICES, metadata.namespace ?? '') as readonly EndpointSlice[]).filter(
    (slice) => slice.metadata.labels?.[SERVICE_NAME_LABEL] === metadata.name,
  );
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.terminating !== true);
  const isSilent = ({ nodeName = '' }: Endpoint): boolean => {
    const node = view.get('nodes', '', nodeName) as Node | undefined;
    return node !== undefined && nodeCondition(node, 'Ready')?.status === 'Unknown';
  };
  const usable = endpoints.filter((endpoint) => endpoint.conditions?.ready !== false || isSilent(endpoint));
  return preferred(usable, ({ conditions }) => conditions?.ready !== false).flatMap(({ nodeName }) => nodeName ?? []);
}

/** Those that are, or all where none is. */
function preferred<T>(all: readonly T[], isGood: (each: T) => boolean): readonly T[] {
  const good = all.filter(isGood);
  return good.length === 0 ? all : good;
}

function keysOf(news: News, view: View): readonly string[] {
  switch (news.resource) {
    case SERVICES:
      return keysOfService(news, view);
    case 'nodes':
      return semanticEqual(toldOf(news.before), toldOf(news.after)) ? [] : services(view).filter(concerns).map(keyOf);
    case SLICES:
      return keysOfSlice(news, view);
    default:
      return [];
  }
}

/** What one gives up or takes may be another's that has the same ports. */
function keysOfService({ before, after }: News, view: View): readonly string[] {
  // Sound: asked of services only.
  const all = ([before, after] as readonly (Service | undefined)[]).flatMap((service) => service ?? []);
  const ports = new Set(all.filter(isOwnLoadBalancer).flatMap(portsOf));
  const others =
    ports.size === 0
      ? []
      : services(view).filter((each) => isOwnLoadBalancer(each) && portsOf(each).some((port) => ports.has(port)));
  return [...new Set([...all.filter(concerns), ...others].map(keyOf))];
}

/** What of a node matters here. */
function toldOf(object: News['after']): unknown {
  // Sound: asked of nodes only.
  const node = object as Node | undefined;
  return node === undefined ? undefined : [node.metadata.labels, node.status?.addresses, nodeCondition(node, 'Ready')?.status];
}

function keysOfSlice({ before, after }: News, view: View): readonly string[] {
  const { labels, namespace = '' } = (after ?? before)?.metadata ?? {};
  const service = serviceOf(view, namespace, labels?.[SERVICE_NAME_LABEL] ?? '');
  return service !== undefined && concerns(service) ? [keyOf(service)] : [];
}
