/**
 * From a Service and a pod to the endpoint that the pod is of it (k8s.io/endpointslice podToEndpoint, getEndpointPorts). Shared by the server,
 * which learns readiness from the API, and by the agent, which knows it earlier: so what is known of a pod's state is given, not read.
 */
import type { Container, PodSpec, ServicePort, ServiceSpec } from '../../generated/types.ts';
import { isRestartableInit } from '../pod/state.ts';

/** What a Service and the node's item of it (src/api/link/items.ts) both have. */
export type SelectingService = {
  readonly metadata: { readonly namespace?: string; readonly name?: string };
  readonly spec?: Pick<ServiceSpec, 'type' | 'selector' | 'ports' | 'publishNotReadyAddresses'>;
};

/** What a Pod and the node's item of it both have. */
export type SelectedPod = {
  readonly metadata: {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Pick<PodSpec, 'containers' | 'initContainers' | 'hostname' | 'subdomain'>;
};

export type PodFacts = {
  /** Undefined or '': it has none yet. */
  readonly address: string | undefined;
  readonly isReady: boolean;
  /** Its containers have ended and will not be started again. */
  readonly isTerminal: boolean;
};

export type PodEndpoint = {
  readonly address: string;
  /** Of those that the pod has: a name that none of its containers gives is left out. */
  readonly ports: readonly PodEndpointPort[];
  /** Takes new connections: not while it terminates, and even before it is ready where the service publishes such addresses. */
  readonly ready: boolean;
  /** The pod's own readiness, also while it terminates. */
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Its name below the service's, for pods that name the service as their subdomain. */
  readonly hostname?: string;
};

export type PodEndpointPort = {
  /** '': the service's only port has no name. */
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly appProtocol?: string;
};

/** False for a service without selector, and for ExternalName: they lead to no pods. */
export function selectsPods({ spec }: SelectingService): boolean {
  if (spec?.type === 'ExternalName') return false;
  for (const _key in spec?.selector) return true;
  return false;
}

/** Whether these labels, in the service's own namespace, are selected by it. Asked of every pod for every service: it allocates nothing. */
export function selectsLabels(service: SelectingService, labels: Readonly<Record<string, string>> | undefined): boolean {
  const selector = service.spec?.selector;
  if (labels === undefined || selector === undefined || service.spec?.type === 'ExternalName') return false;
  let isAny = false;
  for (const key in selector) {
    // What objects inherit is never a text, and so equals none.
    if (labels[key] !== selector[key]) return false;
    isAny = true;
  }
  return isAny;
}

/** Undefined where the pod is no endpoint of it: not selected, without an address, or at its end. */
export function endpointOf(service: SelectingService, pod: SelectedPod, facts: PodFacts): PodEndpoint | undefined {
  const { address = '', isReady, isTerminal } = facts;
  if (isTerminal || address === '') return undefined;
  if ((pod.metadata.namespace ?? '') !== (service.metadata.namespace ?? '')) return undefined;
  if (!selectsLabels(service, pod.metadata.labels)) return undefined;
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { hostname = '', subdomain = '' } = pod.spec ?? {};
  return {
    address,
    ports: portsOf(service, pod),
    ready: service.spec?.publishNotReadyAddresses === true || (isReady && !terminating),
    serving: isReady,
    terminating,
    ...(hostname !== '' && subdomain === service.metadata.name ? { hostname } : {}),
  };
}

function portsOf({ spec }: SelectingService, pod: SelectedPod): readonly PodEndpointPort[] {
  return (spec?.ports ?? []).flatMap((each) => {
    const port = targetOf(each, pod);
    const { name = '', appProtocol } = each;
    const protocol = protocolOf(each.protocol);
    return port === undefined ? [] : [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** A name is looked for in the containers, and in those init containers that keep running beside them. */
function targetOf({ targetPort, port, protocol }: ServicePort, { spec }: SelectedPod): number | undefined {
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort;
  if (targetPort === undefined || targetPort === '') return port;
  const containers: readonly Container[] = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []).filter(isRestartableInit),
  ];
  for (const { ports = [] } of containers)
    for (const each of ports)
      if (each.name === targetPort && protocolOf(each.protocol) === protocolOf(protocol)) return each.containerPort;
  return undefined;
}

function protocolOf(text: string | undefined): PodEndpointPort['protocol'] {
  return text === 'UDP' || text === 'SCTP' ? text : 'TCP';
}
