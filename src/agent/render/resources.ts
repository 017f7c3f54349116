import type { Container } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import { podQosClass, podRequests } from '#api/kinds/pod/requests.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '#api/quantity.ts';
import { CPU_PERIOD_MICROS } from '../runtime/docker-container.ts';
import type { ContainerResources } from '../runtime/runtime.ts';

/** Requests and limits as the kernel takes them (upstream: cm/helpers_linux.go and qos/policy.go). */
const SHARES_PER_CPU = 1024;
const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const QUOTA_MICROS_MIN = 1_000;
const BEST_EFFORT_OOM = 1_000;
const BURSTABLE_OOM_MIN = 3;

export function resourcesOf(item: PodItem, container: Container, nodeMemoryBytes: number): ContainerResources {
  const { limits = {} } = container.resources ?? {};
  const cpuLimit = limits['cpu'] === undefined ? 0 : quantityMilliValue(parseQuantity(limits['cpu']));
  const memoryBytes = limits['memory'] === undefined ? 0 : quantityValue(parseQuantity(limits['memory']));
  const quota = Math.floor((cpuLimit * CPU_PERIOD_MICROS) / 1000);
  return {
    cpuShares: sharesOf(cpuAskedMilli(container)),
    cpuQuotaMicros: quota === 0 ? 0 : Math.max(QUOTA_MICROS_MIN, quota),
    memoryBytes,
    oomScoreAdj: oomScoreAdj(item, container, nodeMemoryBytes),
  };
}

/** What a pod weighs beside the others. */
export function podCpuShares(item: PodItem): number {
  return sharesOf(podRequests(item)['cpu'] ?? 0);
}

function cpuAskedMilli({ resources }: Container): number {
  const written = resources?.requests?.['cpu'] ?? resources?.limits?.['cpu'];
  return written === undefined ? 0 : quantityMilliValue(parseQuantity(written));
}

function sharesOf(milli: number): number {
  return Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.floor((milli * SHARES_PER_CPU) / 1000)));
}

/** Never negative: that takes a right which an engine may not have, and whose lack it reports in riddles. */
function oomScoreAdj(item: PodItem, container: Container, nodeMemoryBytes: number): number {
  const qosClass = podQosClass(item);
  if (qosClass === 'BestEffort') return BEST_EFFORT_OOM;
  if (qosClass === 'Guaranteed') return 0;
  const { limits = {}, requests = {} } = container.resources ?? {};
  const written = requests['memory'] ?? limits['memory'];
  const asked = written === undefined ? 0 : quantityValue(parseQuantity(written));
  const score = BEST_EFFORT_OOM - Math.floor((BEST_EFFORT_OOM * asked) / Math.max(1, nodeMemoryBytes));
  return Math.min(BEST_EFFORT_OOM - 1, Math.max(BURSTABLE_OOM_MIN, score));
}
