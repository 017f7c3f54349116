/**
 * The Endpoints of services that select pods (pkg/controller/endpoint): one object a service, for tools that do not read EndpointSlices. What stands
 * in Endpoints that somebody made by hand, of a service without selector, is theirs.
 */
import { semanticEqual } from '#api/equal.ts';
import type { CoreEndpointPort, EndpointAddress, Endpoints, EndpointSubset } from '#api/kinds/endpoints.ts';
import type { Pod } from '#api/kinds/pod.ts';
import { endpointOf, selectsPods } from '#api/kinds/service/endpoints.ts';
import { isHeadless, type Service } from '#api/kinds/service.ts';
import type { KubeObject } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { deleteChange, updateChange } from '../changes.ts';
import type { Controller, News } from '../controller.ts';
import { keyOf, ownKey, parseKey } from '../keys.ts';
import { factsOf, HEADLESS_LABEL, keysOfPod, podsOf, selectingKeys, serviceOf, SERVICES, triggerTime } from './service-pods.ts';
import { inheritedLabels, TRIGGER_TIME } from './slices.ts';

export const ENDPOINTS = 'endpoints';
/** Of one object; the rest is left out, what is not ready first. */
export const ADDRESSES_MAX = 1_000;
const CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';

export const endpointsController: Controller = {
  name: 'endpoint',
  keysOf,
  keys: (view) => [...new Set([...selectingKeys(view), ...leftovers(view)])],
  reconcile: (key, view) => {
    const { namespace, name } = parseKey(key);
    const service = serviceOf(view, namespace, name);
    // Sound: the store keeps under this resource only objects of this kind.
    const old = view.get(ENDPOINTS, namespace, name) as Endpoints | undefined;
    // A service that is gone takes even those with it that were made by hand, as upstream's does.
    if (service === undefined) return { changes: old === undefined ? [] : [deleteChange(ENDPOINTS, old)] };
    if (service.metadata.deletionTimestamp !== undefined || !selectsPods(service)) return { changes: [] };
    return { changes: changesOf(service, old, podsOf(view, service)) };
  },
};

/** Ours, of services that are gone: nobody was there to see it. */
function leftovers(view: View): readonly string[] {
  return view
    .list(ENDPOINTS)
    .filter(
      (object) => isOurs(object) && view.get(SERVICES, object.metadata.namespace ?? '', object.metadata.name ?? '') === undefined,
    )
    .map(keyOf);
}

const isOurs = ({ metadata }: KubeObject): boolean => metadata.labels?.[MANAGED_BY] === MANAGER;

function changesOf(service: Service, old: Endpoints | undefined, pods: readonly Pod[]): readonly Change[] {
  const { subsets, isCut } = subsetsOf(service, pods);
  const labels = {
    ...omit(inheritedLabels(service.metadata.labels), MANAGED_BY),
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
  };
  const time = triggerTime(service, pods);
  const { name = '', namespace = '' } = service.metadata;
  const others = omit(old?.metadata.annotations ?? {}, TRIGGER_TIME, CAPACITY);
  const annotations = {
    ...others,
    ...(isCut ? { [CAPACITY]: 'truncated' } : {}),
    ...(time === undefined ? {} : { [TRIGGER_TIME]: time }),
  };
  if (old === undefined) {
    const metadata = { name, namespace, labels, annotations };
    return [{ verb: 'create', resource: ENDPOINTS, object: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets } }];
  }
  const isSame =
    semanticEqual(old.subsets, subsets) &&
    semanticEqual(old.metadata.labels, labels) &&
    (old.metadata.annotations?.[CAPACITY] !== undefined) === isCut;
  return isSame ? [] : [updateChange(ENDPOINTS, old, { metadata: { ...old.metadata, labels, annotations }, subsets })];
}

type Place = { readonly address: EndpointAddress; readonly ports: readonly CoreEndpointPort[]; readonly isReady: boolean };

/** One subset for all that have the same ports, in an order of its own, so that the same pods always give the same. */
function subsetsOf(
  service: Service,
  pods: readonly Pod[],
): { readonly subsets: readonly EndpointSubset[]; readonly isCut: boolean } {
  const all = pods.flatMap((pod) => placeOf(service, pod));
  const chosen = [...all.filter(({ isReady }) => isReady), ...all.filter(({ isReady }) => !isReady)].slice(0, ADDRESSES_MAX);
  const groups = Map.groupBy(chosen, ({ ports }) => JSON.stringify(ports));
  const subsets = [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, places]): EndpointSubset => {
      const addresses = addressesOf(places, true);
      const notReadyAddresses = addressesOf(places, false);
      const ports = places[0]?.ports ?? [];
      return {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(ports.length === 0 ? {} : { ports }),
      };
    });
  return { subsets, isCut: all.length > ADDRESSES_MAX };
}

function addressesOf(places: readonly Place[], ready: boolean): readonly EndpointAddress[] {
  const sortKey = ({ ip, targetRef }: EndpointAddress) => `${ip} ${targetRef?.uid ?? ''}`;
  return places
    .filter(({ isReady }) => isReady === ready)
    .map(({ address }) => address)
    .toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** A pod that terminates is no endpoint here: this older form can not say so. */
function placeOf(service: Service, pod: Pod): readonly Place[] {
  const endpoint = endpointOf(service, pod, factsOf(pod));
  const publishes = service.spec?.publishNotReadyAddresses === true;
  if (endpoint === undefined || (endpoint.terminating && !publishes)) return [];
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const nodeName = pod.spec?.nodeName ?? '';
  const address: EndpointAddress = {
    ip: endpoint.address,
    ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
    ...(nodeName === '' ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
  const ports = endpoint.ports.map(({ name: portName, ...port }) => ({
    ...(portName === '' ? {} : { name: portName }),
    ...port,
  }));
  return [{ address, ports, isReady: endpoint.ready }];
}

/** Those made by hand bring their key only while there is a service: what waits for its service is not to go. */
function keysOf(news: News, view: View): readonly string[] {
  switch (news.resource) {
    case SERVICES:
      return ownKey(news);
    case 'pods':
      return keysOfPod(news, view);
    case ENDPOINTS: {
      const { namespace = '', name = '' } = (news.after ?? news.before)?.metadata ?? {};
      const ours = news.after !== undefined && isOurs(news.after);
      return ours || view.get(SERVICES, namespace, name) !== undefined ? ownKey(news) : [];
    }
    default:
      return [];
  }
}
