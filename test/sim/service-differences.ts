import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL, type EndpointSlice } from '../../src/api/kinds/endpoint-slice.ts';
import { isPodReady, isTerminal, type Pod } from '../../src/api/kinds/pod.ts';
import type { Service } from '../../src/api/kinds/service.ts';
import { SLICE_MANAGER } from '../../src/server/controllers/service/endpoint-slice.ts';
import { SLICES } from '../../src/server/controllers/service/slices.ts';
import type { View } from '../../src/server/view.ts';

/** What endpoints say and pods do not, by rules written anew here: each ready pod of a service stands in exactly one of its slices. */
export function serviceDifferences(view: View): readonly string[] {
  const services = view.list('services') as readonly Service[];
  const slices = view.list(SLICES) as readonly EndpointSlice[];
  // All of them have the same port.
  const balanced = services.flatMap(({ status }) => (status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip));
  const addresses = services.flatMap(({ spec }) => (spec?.clusterIPs ?? []).filter((ip) => ip !== 'None'));
  return [
    ...services.flatMap((service) => endpointDifferences(service, slices, view)),
    ...(new Set(addresses).size === addresses.length ? [] : [`two services have one address: ${addresses.join(', ')}`]),
    ...(new Set(balanced).size === balanced.length ? [] : [`two load balancers have one address: ${balanced.join(', ')}`]),
    ...slices
      .filter(({ metadata: { labels } }) => labels?.[MANAGED_BY_LABEL] === SLICE_MANAGER)
      .filter(({ metadata: { labels } }) => !services.some(({ metadata }) => metadata.name === labels?.[SERVICE_NAME_LABEL]))
      .map(({ metadata }) => `slice ${metadata.name} is of a service that is no more`),
    ...(services.some(({ metadata }) => metadata.name === 'kubernetes') ? [] : ['there is no service default/kubernetes']),
  ];
}

function endpointDifferences({ metadata, spec }: Service, slices: readonly EndpointSlice[], view: View): readonly string[] {
  const selector = Object.entries(spec?.selector ?? {});
  if (selector.length === 0) return [];
  const differ = (what: string) => [`service ${metadata.name}: ${what}`];
  const told = slices
    .filter((slice) => slice.metadata.labels?.[SERVICE_NAME_LABEL] === metadata.name)
    .flatMap(({ endpoints = [] }) => endpoints)
    .map(({ addresses, conditions, targetRef }) => `${targetRef?.uid} ${addresses[0]} ${conditions?.ready}`);
  const wanted = (view.list('pods') as readonly Pod[])
    .filter((pod) => selector.every(([key, value]) => pod.metadata.labels?.[key] === value))
    .filter((pod) => (pod.status?.podIP ?? '') !== '' && !isTerminal(pod))
    .map((pod) => `${pod.metadata.uid} ${pod.status?.podIP} ${isPodReady(pod) && pod.metadata.deletionTimestamp === undefined}`);
  const [missing] = wanted.filter((each) => told.filter((one) => one === each).length !== 1);
  const [stale] = told.filter((each) => !wanted.includes(each));
  return [
    ...(missing === undefined ? [] : differ(`not exactly one of its slices has ${missing}`)),
    ...(stale === undefined ? [] : differ(`its slices have ${stale}, which is not so`)),
    ...(view.get('endpoints', metadata.namespace ?? '', metadata.name ?? '') === undefined ? differ('it has no Endpoints') : []),
  ];
}
