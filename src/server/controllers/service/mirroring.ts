/**
 * Gives the Endpoints that somebody made by hand, of a service without selector, their EndpointSlices (pkg/controller/endpointslicemirroring): nodes
 * read only those. Slices made by hand are read as they are.
 */
import type { Endpoint } from '#api/kinds/endpoint-slice.ts';
import type { EndpointAddress, Endpoints, EndpointSubset } from '#api/kinds/endpoints.ts';
import { parseIp } from '#api/ip.ts';
import { selectsPods } from '#api/kinds/service/endpoints.ts';
import { omit } from '#api/omit.ts';
import type { View } from '../../view.ts';
import { controllerReference, deleteChange } from '../changes.ts';
import type { Controller, News, Outcome } from '../controller.ts';
import { keyOf, ownKey, parseKey } from '../keys.ts';
import { ENDPOINTS } from './endpoints.ts';
import { serviceOf, SERVICES } from './service-pods.ts';
import { inheritedLabels, managedKey, managedKeys, packSlices, SLICES, slicesOf, type EndpointGroup } from './slices.ts';

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
/** As upstream's --mirroring-max-endpoints-per-subset: what goes beyond is left out. */
const ENDPOINTS_PER_SUBSET_MAX = 1_000;
export const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** Locks of old leader elections are no endpoints. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export const mirroringController: Controller = {
  name: 'endpointslicemirroring',
  keysOf,
  keys: (view) => [
    ...new Set([...view.list(ENDPOINTS).map(keyOf), ...view.list(SLICES).flatMap((slice) => managedKey(slice, MIRROR_MANAGER))]),
  ],
  reconcile: (key, view) => {
    const { namespace, name } = parseKey(key);
    // Sound: the store keeps under this resource only objects of this kind.
    const endpoints = view.get(ENDPOINTS, namespace, name) as Endpoints | undefined;
    const slices = slicesOf(view, namespace, name, MIRROR_MANAGER);
    if (endpoints?.metadata.deletionTimestamp !== undefined) return { changes: [] };
    if (endpoints === undefined || !isMirrored(endpoints, view))
      return { changes: slices.map((slice) => deleteChange(SLICES, slice)) };
    return mirror(endpoints, slices);
  },
};

function isMirrored({ metadata }: Endpoints, view: View): boolean {
  const service = serviceOf(view, metadata.namespace ?? '', metadata.name ?? '');
  if (service === undefined || selectsPods(service)) return false;
  return metadata.labels?.[SKIP_LABEL] !== 'true' && metadata.annotations?.[LEADER] === undefined;
}

function mirror(endpoints: Endpoints, slices: ReturnType<typeof slicesOf>): Outcome {
  const { name = '', namespace = '', labels, annotations = {} } = endpoints.metadata;
  const changes = packSlices(groupsOf(endpoints), slices, {
    service: name,
    namespace,
    managedBy: MIRROR_MANAGER,
    labels: inheritedLabels(labels),
    annotations: omit(annotations, LAST_APPLIED),
    owner: controllerReference(endpoints),
    endpointsMax: ENDPOINTS_PER_SUBSET_MAX,
    keepsOne: false,
  });
  return { changes };
}

function groupsOf({ subsets = [] }: Endpoints): readonly EndpointGroup[] {
  const groups = new Map<string, EndpointGroup & { readonly endpoints: Endpoint[] }>();
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map(({ name = '', ...port }) => ({ name, ...port }));
    for (const endpoint of endpointsOf(subset)) {
      const addressType = parseIp(endpoint.addresses[0] ?? '')?.family === 6 ? 'IPv6' : 'IPv4';
      const key = JSON.stringify([addressType, ports]);
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint);
    }
  }
  return [...groups.values()];
}

function endpointsOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): readonly Endpoint[] {
  const all = [
    ...addresses.map((address) => entryOf(address, true)),
    ...notReadyAddresses.map((address) => entryOf(address, false)),
  ];
  return all.slice(0, ENDPOINTS_PER_SUBSET_MAX);
}

function entryOf({ ip, hostname = '', nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === '' ? {} : { hostname }),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}

function keysOf(news: News): readonly string[] {
  switch (news.resource) {
    case SERVICES:
    case ENDPOINTS:
      return ownKey(news);
    case SLICES:
      return managedKeys(news, MIRROR_MANAGER);
    default:
      return [];
  }
}
