/** Which services a pod concerns, and which pods a service: the part that the controllers of endpoints share. */
import { semanticEqual } from '#api/equal.ts';
import { isPodReady, isTerminal, podCondition, type Pod } from '#api/kinds/pod.ts';
import { selectsLabels, selectsPods, type PodFacts } from '#api/kinds/service/endpoints.ts';
import type { Service } from '#api/kinds/service.ts';
import { isOrdinaryIpv4 } from '#api/kinds/service/special-addresses.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import type { View } from '../../view.ts';
import type { News } from '../controller.ts';
import { keyOf } from '../keys.ts';

export const SERVICES = 'services';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export function serviceOf(view: View, namespace: string, name: string): Service | undefined {
  // Sound: the store keeps under this resource only objects of this kind.
  return view.get(SERVICES, namespace, name) as Service | undefined;
}

/** In the order of their names. */
export function podsOf(view: View, service: Service): readonly Pod[] {
  // Sound, as above.
  const pods = view.list('pods', service.metadata.namespace ?? '') as readonly Pod[];
  return pods.filter(({ metadata }) => selectsLabels(service, metadata.labels));
}

/** What the API knows of it. */
export function factsOf(pod: Pod): PodFacts {
  return { address: addressOf(pod), isReady: isPodReady(pod), isTerminal: isTerminal(pod) };
}

/** Of all services that lead to pods. */
export function selectingKeys(view: View): readonly string[] {
  return (view.list(SERVICES) as readonly Service[]).filter(selectsPods).map(keyOf);
}

/** Services that select the pod as it is or as it was, where something changed that endpoints tell. */
export function keysOfPod({ before, after }: News, view: View): readonly string[] {
  // Sound: asked of pods only.
  const [old, next] = [before as Pod | undefined, after as Pod | undefined];
  if (old !== undefined && next !== undefined && semanticEqual(toldOf(old), toldOf(next))) return [];
  const namespace = (next ?? old)?.metadata.namespace ?? '';
  const all = [old, next].flatMap((pod) => (pod === undefined ? [] : [pod.metadata.labels]));
  return (view.list(SERVICES, namespace) as readonly Service[])
    .filter((service) => all.some((labels) => selectsLabels(service, labels)))
    .map(keyOf);
}

function toldOf(pod: Pod): readonly unknown[] {
  const { labels, deletionTimestamp, uid } = pod.metadata;
  const { isReady, isTerminal: hasEnded, address } = factsOf(pod);
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  return [labels, deletionTimestamp, uid, isReady, hasEnded, address, nodeName, hostname, subdomain];
}

/** '' where an endpoint may not have it: what one node says of its pod must not make a service's endpoints as a whole be refused. */
function addressOf({ status }: Pod): string {
  const first = status?.podIP ?? '';
  const ip = first === '' ? (status?.podIPs?.[0]?.ip ?? '') : first;
  return isOrdinaryIpv4(ip) ? ip : '';
}

/** When what is written last became so: the service, or a pod's readiness. */
export function triggerTime(service: Service, pods: readonly Pod[]): string | undefined {
  const times = [
    service.metadata.creationTimestamp,
    ...pods.map((pod) => podCondition(pod, 'Ready')?.lastTransitionTime ?? undefined),
  ];
  const known = times.flatMap((text) => parseTime(text ?? undefined) ?? []);
  return known.length === 0 ? undefined : rfc3339(known.reduce((latest, ms) => Math.max(latest, ms)));
}
