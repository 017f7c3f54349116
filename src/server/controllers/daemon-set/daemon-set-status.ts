/** A DaemonSet's status: nodes counted, not pods (pkg/controller/daemon updateDaemonSetStatus). */
import type { DaemonSet, DaemonSetStatus } from '#api/kinds/daemon-set.ts';
import { isPodAvailable, isPodReady, type Pod } from '#api/kinds/pod.ts';
import { omitZeros } from '../changes.ts';
import { isUpToDate, type NodePods } from './daemon-pods.ts';

export function statusOf(set: DaemonSet, nodes: readonly NodePods[], hash: string, now: number): DaemonSetStatus {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const wanted = nodes.filter(({ eligible }) => eligible.run);
  const oldest = wanted.flatMap(({ pods }) => pods.toSorted(byAge).slice(0, 1));
  const available = oldest.filter((pod) => isPodAvailable(pod, minReadySeconds, now)).length;
  const { collisionCount, conditions } = set.status ?? {};
  const status: DaemonSetStatus = {
    currentNumberScheduled: oldest.length,
    numberMisscheduled: nodes.filter(({ eligible, pods }) => !eligible.run && pods.length > 0).length,
    desiredNumberScheduled: wanted.length,
    numberReady: oldest.filter(isPodReady).length,
    updatedNumberScheduled: oldest.filter((pod) => isUpToDate(pod, hash)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: set.metadata.generation ?? 0,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
  return omitZeros(status, 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'observedGeneration');
}

function byAge(a: Pod, b: Pod): number {
  return (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
}
