/**
 * The EndpointSlices of services that select pods (pkg/controller/endpointslice). Those of services without a selector are their makers', or mirrored
 * (./mirroring.ts). Those of a service that is gone go too, also where nobody is named as their owner any more.
 */
import type { DiscoveryEndpointPort, Endpoint } from '#api/kinds/endpoint-slice.ts';
import type { Pod } from '#api/kinds/pod.ts';
import { endpointOf, selectsPods, type PodEndpoint } from '#api/kinds/service/endpoints.ts';
import { isHeadless, type Service } from '#api/kinds/service.ts';
import type { KubeObject } from '#api/object.ts';
import type { View } from '../../view.ts';
import { controllerReference, deleteChange } from '../changes.ts';
import type { Controller, News, Outcome } from '../controller.ts';
import { ownKey, parseKey } from '../keys.ts';
import { factsOf, HEADLESS_LABEL, keysOfPod, podsOf, selectingKeys, serviceOf, SERVICES, triggerTime } from './service-pods.ts';
import {
  inheritedLabels,
  managedKey,
  managedKeys,
  packSlices,
  SLICES,
  slicesOf,
  TRIGGER_TIME,
  type EndpointGroup,
} from './slices.ts';

export const SLICE_MANAGER = 'endpointslice-controller.k8s.io';
/** As upstream's --max-endpoints-per-slice. */
export const ENDPOINTS_PER_SLICE_MAX = 100;
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export const endpointSliceController: Controller = {
  name: 'endpointslice',
  keysOf,
  keys: (view) => [
    ...new Set([...selectingKeys(view), ...view.list(SLICES).flatMap((slice) => managedKey(slice, SLICE_MANAGER))]),
  ],
  reconcile: (key, view) => {
    const { namespace, name } = parseKey(key);
    const service = serviceOf(view, namespace, name);
    if (service === undefined)
      return { changes: slicesOf(view, namespace, name, SLICE_MANAGER).map((slice) => deleteChange(SLICES, slice)) };
    if (service.metadata.deletionTimestamp !== undefined || !selectsPods(service)) return { changes: [] };
    return reconcile(service, view);
  },
};

function reconcile(service: Service, view: View): Outcome {
  const { name = '', namespace = '', labels } = service.metadata;
  const pods = podsOf(view, service);
  const time = triggerTime(service, pods);
  const changes = packSlices(groupsOf(service, pods, view), slicesOf(view, namespace, name, SLICE_MANAGER), {
    service: name,
    namespace,
    managedBy: SLICE_MANAGER,
    labels: { ...inheritedLabels(labels), ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}) },
    annotations: time === undefined ? {} : { [TRIGGER_TIME]: time },
    owner: controllerReference(service),
    endpointsMax: ENDPOINTS_PER_SLICE_MAX,
    keepsOne: true,
  });
  return { changes };
}

/** Pods differ in their ports where a named port means another number in each. */
function groupsOf(service: Service, pods: readonly Pod[], view: View): readonly EndpointGroup[] {
  const groups = new Map<string, { readonly ports: readonly DiscoveryEndpointPort[]; readonly endpoints: Endpoint[] }>();
  for (const pod of pods) {
    const found = endpointOf(service, pod, factsOf(pod));
    if (found === undefined) continue;
    const ports = JSON.stringify(found.ports);
    const group = groups.get(ports) ?? { ports: found.ports, endpoints: [] };
    groups.set(ports, group);
    group.endpoints.push(entryOf(pod, found, view));
  }
  return [...groups.values()].map((group) => ({ addressType: 'IPv4', ...group }));
}

function entryOf({ metadata, spec }: Pod, endpoint: PodEndpoint, view: View): Endpoint {
  const { ready, serving, terminating, address, hostname } = endpoint;
  const { name = '', namespace = '', uid = '' } = metadata;
  const nodeName = spec?.nodeName ?? '';
  const zone = zoneOf(view.get('nodes', '', nodeName));
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === '' ? {} : { zone }),
  };
}

function zoneOf(node: KubeObject | undefined): string {
  return node?.metadata.labels?.[ZONE_LABEL] ?? '';
}

function keysOf(news: News, view: View): readonly string[] {
  switch (news.resource) {
    case SERVICES:
      return ownKey(news);
    case 'pods':
      return keysOfPod(news, view);
    case 'nodes':
      return zoneOf(news.before) === zoneOf(news.after) ? [] : keysOfNode(news, view);
    case SLICES:
      return managedKeys(news, SLICE_MANAGER);
    default:
      return [];
  }
}

/** Services with a pod on it. */
function keysOfNode({ before, after }: News, view: View): readonly string[] {
  const name = (after ?? before)?.metadata.name ?? '';
  return [...new Set(view.podsOn(name).flatMap((pod) => keysOfPod({ resource: 'pods', after: pod }, view)))];
}
