/** Which nodes a DaemonSet's pod belongs on, and the pod's spec for one of them (pkg/controller/daemon/util). */
import type { Node } from '#api/kinds/node.ts';
import { matchesRequiredAffinity, untolerated, type Pod, type PodSpec, type Toleration } from '#api/kinds/pod.ts';
import type { NodeSelectorTerm } from '#api/generated/types.ts';

/** `run`: a pod should be there. `stay`: one that is there may stay. */
export type Eligible = { readonly run: boolean; readonly stay: boolean };

const NAME_FIELD = 'metadata.name';
const EXISTS = { operator: 'Exists' };
/** Daemons run where others may not: on nodes that are cordoned, under pressure, not ready or out of reach. */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', ...EXISTS },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', ...EXISTS },
  { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule', ...EXISTS },
  { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule', ...EXISTS },
  { key: 'node.kubernetes.io/pid-pressure', effect: 'NoSchedule', ...EXISTS },
  { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule', ...EXISTS },
];
const HOST_NETWORK_TOLERATION: Toleration = { key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule', ...EXISTS };

/** The template's spec as every pod of the set has it, but for the node. */
export function daemonSpec(spec: PodSpec | undefined): PodSpec {
  const base = spec ?? { containers: [] };
  const extra = [...DAEMON_TOLERATIONS, ...(base.hostNetwork === true ? [HOST_NETWORK_TOLERATION] : [])];
  const own = base.tolerations ?? [];
  const missing = extra.filter(
    ({ key, effect }) => !own.some((each) => each.key === key && each.effect === effect && each.operator === 'Exists'),
  );
  return { ...base, tolerations: [...own, ...missing] };
}

export function eligibility(spec: PodSpec, { metadata, spec: nodeSpec }: Node): Eligible {
  const { name = '', labels = {} } = metadata;
  const wanted = spec.nodeName ?? '';
  if ((wanted !== '' && wanted !== name) || !matchesRequiredAffinity(spec, { name, labels })) return { run: false, stay: false };
  const taints = nodeSpec?.taints;
  if (untolerated(taints, spec.tolerations, ['NoExecute']) !== undefined) return { run: false, stay: false };
  return { run: untolerated(taints, spec.tolerations, ['NoSchedule']) === undefined, stay: true };
}

/** The scheduler may put it on this node only, and still looks whether there is room. */
export function pinnedTo(spec: PodSpec, node: string): PodSpec {
  const field = { key: NAME_FIELD, operator: 'In', values: [node] };
  const nodeAffinity = spec.affinity?.nodeAffinity;
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  const pinned = terms.map((term): NodeSelectorTerm => ({
    ...term,
    matchFields: [...(term.matchFields ?? []).filter(({ key }) => key !== NAME_FIELD), field],
  }));
  const required = { nodeSelectorTerms: pinned };
  return {
    ...spec,
    affinity: { ...spec.affinity, nodeAffinity: { ...nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required } },
  };
}

/** The node a daemon pod is on or meant for. */
export function nodeOf({ spec }: Pod): string {
  if (spec?.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields = [] }) => matchFields);
  return fields.find(({ key, values }) => key === NAME_FIELD && values?.length === 1)?.values?.[0] ?? '';
}
