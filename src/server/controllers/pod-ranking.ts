/**
 * Which pods a ReplicaSet gives up first: those whose loss costs least (k8s.io/kubernetes/pkg/controller ActivePodsWithRanks). Each rule
 * speaks only where those above it see no difference.
 */
import { isPodReady, isRestartableInit, podCondition, type ContainerStatus, type Pod } from '#api/kinds/pod.ts';
import { parseTime } from '#lib/time.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

type Rule = (pod: Pod) => number;

/** First to go first. `related`: the pods beside which one of these is one too many on its node. */
export function byDeletionOrder(pods: readonly Pod[], related: readonly Pod[], now: number): readonly Pod[] {
  const crowd = new Map<string, number>();
  for (const { spec } of related) crowd.set(spec?.nodeName ?? '', (crowd.get(spec?.nodeName ?? '') ?? 0) + 1);
  const rules: readonly Rule[] = [
    (pod) => ((pod.spec?.nodeName ?? '') === '' ? 0 : 1),
    (pod) => PHASES[pod.status?.phase ?? ''] ?? 0,
    (pod) => (isPodReady(pod) ? 1 : 0),
    (pod) => deletionCost(pod),
    (pod) => -(crowd.get(pod.spec?.nodeName ?? '') ?? 0),
    // Ages count by their order of magnitude only, so that chance, not seconds, decides among pods of one rollout.
    (pod) => (isPodReady(pod) ? magnitude(now - (parseTime(podCondition(pod, 'Ready')?.lastTransitionTime) ?? now)) : 0),
    (pod) => -mostRestarts(pod.status?.containerStatuses),
    (pod) => -mostRestarts(sidecarStatuses(pod)),
    (pod) => magnitude(now - (parseTime(pod.metadata.creationTimestamp) ?? now)),
  ];
  const ranked = pods.map((pod) => ({ pod, ranks: rules.map((rule) => rule(pod)), uid: pod.metadata.uid ?? '' }));
  return ranked
    .toSorted((a, b) => {
      const at = a.ranks.findIndex((rank, index) => rank !== b.ranks[index]);
      return at < 0 ? (a.uid < b.uid ? -1 : 1) : (a.ranks[at] ?? 0) - (b.ranks[at] ?? 0);
    })
    .map(({ pod }) => pod);
}

function deletionCost({ metadata }: Pod): number {
  const cost = Number(metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isSafeInteger(cost) ? cost : 0;
}

/** Of nanoseconds, as upstream: that decides where one order ends and the next begins. */
function magnitude(ms: number): number {
  return ms <= 0 ? -1 : Math.floor(Math.log2(ms * 1_000_000));
}

function mostRestarts(statuses: readonly ContainerStatus[] = []): number {
  return Math.max(0, ...statuses.map(({ restartCount }) => restartCount ?? 0));
}

function sidecarStatuses({ spec, status }: Pod): readonly ContainerStatus[] {
  const names = (spec?.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name);
  return (status?.initContainerStatuses ?? []).filter(({ name }) => names.includes(name));
}
