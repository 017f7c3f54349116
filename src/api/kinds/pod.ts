/** Pods: the row, and the questions others ask of a pod. Validation and defaults stand in pod/; statuses are written by the agent. */
import type { Binding, Pod } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { bindPod, validateBinding } from './pod/binding.ts';
import { POD_COLUMNS, podCells } from './pod/cells.ts';
import { defaultPod } from './pod/defaults.ts';
import { podQosClass } from './pod/requests.ts';
import { podGracePeriodSeconds } from './pod/state.ts';
import { validatePodStatusUpdate, validatePodUpdate } from './pod/validate-update.ts';
import { validatePod } from './pod/validate.ts';

export type {
  Container,
  ContainerPort,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Pod,
  PodCondition,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  Toleration,
  Volume,
  VolumeMount,
} from '../generated/types.ts';
export { findCondition, isConditionTrue, setCondition } from './conditions.ts';
export { defaultPodSpec, defaultPodTemplate } from './pod/defaults.ts';
export {
  matchesNodeSelector,
  matchesNodeSelectorTerm,
  matchesRequiredAffinity,
  preferredAffinityWeight,
} from './pod/node-affinity.ts';
export { podLimits, podQosClass, podRequests, resourceAmounts, type QosClass, type ResourceAmounts } from './pod/requests.ts';
export {
  availableAt,
  isActive,
  isPodAvailable,
  isPodReady,
  isRestartableInit,
  isTerminal,
  isTerminating,
  podCondition,
  podGracePeriodSeconds,
} from './pod/state.ts';
export { tolerates, untolerated } from './pod/tolerations.ts';

export const podResource: Resource = defineResource<Pod>({
  id: 'pods',
  group: '',
  plural: 'pods',
  singular: 'pod',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Pod' }],
  fields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    // What clients of the first days call it.
    'spec.host': ({ spec }) => spec?.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.podIPs': ({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip).join(','),
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  columns: POD_COLUMNS,
  cells: podCells,
  subresources: {
    status: { type: 'status' },
    log: { type: 'connect', verbs: ['get'], group: '', version: 'v1', kind: 'Pod' },
    binding: {
      type: 'create',
      group: '',
      version: 'v1',
      kind: 'Binding',
      definition: 'io.k8s.api.core.v1.Binding',
      // Sound, both: the body was decoded as the definition above.
      validate: (body) => validateBinding(body as Partial<Binding>),
      apply: (pod, body, now) => bindPod(pod, body as unknown as Binding, now),
    },
  },
  strategy: {
    default: defaultPod,
    prepareForCreate,
    validate: validatePod,
    validateUpdate: validatePodUpdate,
    prepareForStatusUpdate,
    validateStatusUpdate: validatePodStatusUpdate,
    generation: 'spec',
    gracePeriodSeconds: podGracePeriodSeconds,
  },
});

/** The class was settled when the pod was made; kubelets leave it out where they refuse a pod. */
function prepareForStatusUpdate(next: Pod, old: Pod): Pod {
  const qosClass = old.status?.qosClass;
  if ((next.status?.qosClass ?? '') !== '' || qosClass === undefined) return next;
  return { ...next, status: { ...next.status, qosClass } };
}

/** Priority is 0 where no admission has set another: without priority classes there is no other. */
function prepareForCreate(pod: Pod): Pod {
  const spec = {
    ...pod.spec,
    containers: pod.spec?.containers ?? [],
    priority: pod.spec?.priority ?? 0,
    preemptionPolicy: pod.spec?.preemptionPolicy ?? 'PreemptLowerPriority',
  };
  const gated = (spec.schedulingGates ?? []).length > 0;
  return {
    ...pod,
    spec,
    status: {
      phase: 'Pending',
      qosClass: podQosClass(pod),
      ...(gated
        ? {
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                reason: 'SchedulingGated',
                message: 'Scheduling is blocked due to non-empty scheduling gates',
              },
            ],
          }
        : {}),
    },
  };
}
