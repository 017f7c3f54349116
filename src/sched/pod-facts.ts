/**
 * What the scheduler needs of a pod, read once: requests, host ports, owner, and the texts by which equal pods are known as equal.
 * Nothing here depends on any node.
 */
import { isRestartableInit, podRequests, type Container, type Pod } from '#api/kinds/pod.ts';
import { controllerOf } from '#api/object.ts';

export type PodFacts = {
  readonly uid: string;
  readonly pod: Pod;
  /** What it asks for, zeros left out; `pods` 1 is always among them. Units as podRequests. */
  readonly requests: readonly Amount[];
  /** For scoring only: a pod that asks for nothing still uses something (upstream: pkg/scheduler/util/pod_resources.go). */
  readonly scoreCpu: number;
  readonly scoreMemory: number;
  readonly hostPorts: readonly HostPort[];
  /** The uid of the controller it belongs to, whose pods are spread over nodes. */
  readonly owner: string | undefined;
  /** The only nodes its affinity allows by name (as DaemonSet pods have it); undefined: any. */
  readonly pinned: readonly string[] | undefined;
  /** Pods of one template get the same answer from every filter that looks at a node's spec only. */
  readonly template: string;
  /** Pods of one kin fit or fail to fit alike. */
  readonly kin: string;
};

export type Amount = { readonly resource: string; readonly amount: number };
export type HostPort = { readonly port: string; readonly ip: string };

export const ANY_IP = '0.0.0.0';
const SCORE_CPU_MILLI_DEFAULT = 100;
const SCORE_MEMORY_BYTES_DEFAULT = 200 * 1024 * 1024;

export function podFacts(pod: Pod): PodFacts {
  const requests = Object.entries(podRequests(pod))
    .filter(([, amount]) => amount > 0)
    .map(([resource, amount]) => ({ resource, amount }));
  const amountOf = (resource: string) => requests.find((request) => request.resource === resource)?.amount;
  // Only of what runs for as long as the pod does.
  const sidecars = (pod.spec?.initContainers ?? []).filter(isRestartableInit);
  const hostPorts = hostPortsOf([...sidecars, ...(pod.spec?.containers ?? [])]);
  const { nodeSelector, affinity, tolerations, preemptionPolicy } = pod.spec ?? {};
  const template = JSON.stringify([nodeSelector, affinity?.nodeAffinity, tolerations]);
  return {
    uid: pod.metadata.uid ?? '',
    pod,
    requests,
    scoreCpu: amountOf('cpu') ?? SCORE_CPU_MILLI_DEFAULT,
    scoreMemory: amountOf('memory') ?? SCORE_MEMORY_BYTES_DEFAULT,
    hostPorts,
    owner: controllerOf(pod)?.uid,
    pinned: pinnedNames(pod),
    template,
    kin: JSON.stringify([template, requests, hostPorts, preemptionPolicy]),
  };
}

/** Two uses of one port clash if they are on one address, or either is on all. */
export function clashes(wanted: HostPort, ipsInUse: readonly string[]): boolean {
  return wanted.ip === ANY_IP ? ipsInUse.length > 0 : ipsInUse.includes(wanted.ip) || ipsInUse.includes(ANY_IP);
}

function hostPortsOf(containers: readonly Container[]): readonly HostPort[] {
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort = 0, protocol = 'TCP', hostIP = '' }) =>
      hostPort === 0 ? [] : [{ port: `${protocol}/${hostPort}`, ip: hostIP === '' ? ANY_IP : hostIP }],
    ),
  );
}

/** Only where every required term names nodes, for the terms are alternatives. */
function pinnedNames(pod: Pod): readonly string[] | undefined {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const names = terms.map(({ matchFields = [] }) =>
    matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In'),
  );
  return names.every((field) => field !== undefined) ? [...new Set(names.flatMap((field) => field?.values ?? []))] : undefined;
}
