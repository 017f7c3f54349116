/**
 * The addresses of services of type LoadBalancer where there is no balancer: those of nodes, which lead the service's ports to its pods. Nodes that an
 * operator has labelled for it, or else those on which the service has endpoints that are ready. Services of another class are left to who serves it.
 */
import { semanticEqual } from '#api/equal.ts';
import { SERVICE_NAME_LABEL, type Endpoint, type EndpointSlice } from '#api/kinds/endpoint-slice.ts';
import { parseIp } from '#api/ip.ts';
import { isNodeReady, nodeAddress, nodeCondition, type Node } from '#api/kinds/node.ts';
import { isOwnLoadBalancer, type Service } from '#api/kinds/service.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { mergePatch } from '../changes.ts';
import type { Controller, News } from '../controller.ts';
import { keyOf, ownKey, parseKey } from '../keys.ts';
import { serviceOf, SERVICES } from './service-pods.ts';
import { SLICES } from './slices.ts';

/** On a node: it takes in traffic of every service of type LoadBalancer. Once one node has it, only those that do. `false` is as if it were not there. */
export const LOAD_BALANCER_LABEL = 'skerry.dev/load-balancer';
/** Upstream's: never this node. */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Every node is told the addresses of every service. */
export const ADDRESSES_MAX = 100;

export const loadBalancerController: Controller = {
  name: 'service-lb',
  keysOf,
  keys: (view) => services(view).filter(concerns).map(keyOf),
  reconcile: (key, view) => {
    const { namespace, name } = parseKey(key);
    const service = serviceOf(view, namespace, name);
    return { changes: service === undefined || service.metadata.deletionTimestamp !== undefined ? [] : changesOf(service, view) };
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

function changesOf(service: Service, view: View): readonly Change[] {
  if (!concerns(service)) return [];
  const addresses = isOwnLoadBalancer(service) ? addressesFor(service, view) : [];
  const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
  if (semanticEqual(service.status?.loadBalancer?.ingress, ingress)) return [];
  return [
    mergePatch(SERVICES, service, { status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } }, 'status'),
  ];
}

/** In the order of the nodes' names; without one of our family a node has none to give. */
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
    return parseIp(address)?.family === 4 ? [address] : [];
  });
  return [...new Set(addresses)].slice(0, ADDRESSES_MAX);
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
      return news.after !== undefined && concerns(news.after as Service) ? ownKey(news) : [];
    case 'nodes':
      return semanticEqual(toldOf(news.before), toldOf(news.after)) ? [] : services(view).filter(concerns).map(keyOf);
    case SLICES:
      return keysOfSlice(news, view);
    default:
      return [];
  }
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
