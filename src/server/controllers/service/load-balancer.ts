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
import type { Controller, News, Outcome } from '../controller.ts';
import { keyOf, parseKey } from '../keys.ts';
import { serviceOf, SERVICES } from './service-pods.ts';
import { SLICES } from './slices.ts';

/** On a node: it takes in traffic of every service of type LoadBalancer. Once one node has it, only those that do. `false` is as if it were not there. */
export const LOAD_BALANCER_LABEL = 'skerry.dev/load-balancer';
/** Upstream's: never this node. */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Every node is told the addresses of every service. */
export const ADDRESSES_MAX = 100;
/** Upstream's condition of a service whose ports its load balancer can not have. */
const PORTS_ERROR = 'LoadBalancerPortsError';
const TAKEN_TOLD_MAX = 10;

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

/** Also those whose type was changed and that still tell addresses. */
function concerns(service: Service): boolean {
  if (service.spec?.type === 'LoadBalancer') return isOwnLoadBalancer(service);
  return (service.status?.loadBalancer?.ingress ?? []).length > 0;
}

function reconcile(service: Service, view: View, now: number): Outcome {
  const candidates = isOwnLoadBalancer(service) ? addressesFor(service, view) : [];
  const holders = candidates.map((address) => ({ address, holder: holderOf(address, service, view) }));
  const addresses = holders.filter(({ holder }) => holder === undefined).map(({ address }) => address);
  const ingress = addresses.slice(0, ADDRESSES_MAX).map((ip) => ({ ip, ipMode: 'VIP' }));
  const taken = holders.filter(({ holder }) => holder !== undefined);
  const why = taken.map(({ address, holder }) => `${address}: ${holder}`).slice(0, TAKEN_TOLD_MAX);
  const message = taken.length === 0 ? '' : `A port of it leads to another service already, at ${why.join(', ')}`;
  const told = conditionOf(service, message, now);
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
      ...(told === undefined ? [] : [conditionsPatch(SERVICES, service, [told])]),
    ],
    events: told?.status === 'True' ? [{ about: service, type: 'Warning', reason: told.reason, message }] : [],
  };
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

/** What is to be said differently of its ports. */
function conditionOf({ status, metadata }: Service, message: string, now: number): Condition | undefined {
  const old = status?.conditions?.find(({ type }) => type === PORTS_ERROR);
  const next = message === '' ? { status: 'False', reason: 'PortsFree' } : { status: 'True', reason: 'PortTaken' };
  if (old === undefined ? message === '' : old.status === next.status && old.message === message) return undefined;
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : rfc3339(now);
  const { generation } = metadata;
  return {
    type: PORTS_ERROR,
    ...next,
    message,
    lastTransitionTime,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

/** In the order of the nodes' names; without one of our family that others can reach a node has none to give. */
function addressesFor(service: Service, view: View): readonly string[] {
  const nodes = (view.list('nodes') as readonly Node[]).filter(({ metadata }) => metadata.labels?.[EXCLUDED_LABEL] === undefined);
  const labelled = nodes.filter(({ metadata }) => isLabelled(metadata.labels));
  const local = new Set(nodesOf(service, view));
  const keepsClient = service.spec?.externalTrafficPolicy === 'Local';
  const chosen =
    labelled.length === 0
      ? nodes.filter(({ metadata }) => local.has(metadata.name ?? ''))
      : preferred(
          labelled.filter(({ metadata }) => !keepsClient || local.has(metadata.name ?? '')),
          isNodeReady,
        );
  const addresses = chosen.flatMap((node) => {
    const address = nodeAddress(node, 'ExternalIP') ?? nodeAddress(node, 'InternalIP') ?? '';
    return isOrdinaryIpv4(address) ? [address] : [];
  });
  return [...new Set(addresses)];
}

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
