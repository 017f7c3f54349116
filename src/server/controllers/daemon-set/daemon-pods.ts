/**
 * Which daemon pods to make and which to remove, node by node (pkg/controller/daemon daemon_controller.go podsShouldBeOnNode). Replacing
 * pods of an old template is ./rolling-update.ts.
 */
import type { Node } from '#api/kinds/node.ts';
import { isPodAvailable, isPodReady, isTerminating, type Pod } from '#api/kinds/pod.ts';
import { parseTime } from '#lib/time.ts';
import type { Eligible } from './eligible.ts';
import { HASH_LABEL } from './revisions.ts';

export type NodePods = { readonly node: Node; readonly eligible: Eligible; readonly pods: readonly Pod[] };

export type Plan = {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** When a failed pod may be replaced, if one is being rested. */
  readonly afterMs?: number;
};

/** A pod that failed is replaced no sooner than this after it was made, or a node that refuses it would be kept busy refusing. */
export const FAILED_POD_REST_MS = 10_000;

export type PlanContext = {
  readonly hash: string;
  readonly surges: boolean;
  readonly minReadySeconds: number;
  readonly now: number;
};

export function planNode({ node, eligible, pods }: NodePods, context: PlanContext): Plan {
  const present = pods.filter((pod) => !isTerminating(pod));
  if (!eligible.stay) return { create: [], remove: present };
  if (pods.length === 0) return { create: eligible.run ? [node.metadata.name ?? ''] : [], remove: [] };
  const ended = present.filter(hasEnded);
  const rested = ended.filter((pod) => restMs(pod, context.now) <= 0);
  const waits = ended.filter((pod) => !rested.includes(pod)).map((pod) => restMs(pod, context.now));
  const running = present.filter((pod) => !hasEnded(pod)).toSorted(keptFirst);
  return {
    create: [],
    remove: [...rested, ...(running.length <= 1 ? [] : surplus(running, context))],
    ...(waits.length === 0 ? {} : { afterMs: Math.min(...waits) }),
  };
}

/** Without surge one pod a node; with it an old and a new one, until the new is available or the old is of no use. */
function surplus(running: readonly Pod[], { hash, surges, minReadySeconds, now }: PlanContext): readonly Pod[] {
  if (!surges) return running.slice(1);
  const fresh = running.find((pod) => isUpToDate(pod, hash));
  const old = running.find((pod) => !isUpToDate(pod, hash));
  const others = running.filter((pod) => pod !== fresh && pod !== old);
  const replaced = fresh !== undefined && old !== undefined && (!isPodReady(old) || isPodAvailable(fresh, minReadySeconds, now));
  return replaced ? [...others, old] : others;
}

export function isUpToDate({ metadata }: Pod, hash: string): boolean {
  return metadata.labels?.[HASH_LABEL] === hash;
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

/** At most the whole rest, also where the wall clock has gone back since. */
function restMs(pod: Pod, now: number): number {
  return Math.min(FAILED_POD_REST_MS, (parseTime(pod.metadata.creationTimestamp) ?? 0) + FAILED_POD_REST_MS - now);
}

/** Bound before unbound, then the older. */
function keptFirst(a: Pod, b: Pod): number {
  const place = ({ spec, metadata }: Pod) =>
    `${(spec?.nodeName ?? '') === '' ? 1 : 0}/${metadata.creationTimestamp ?? ''}/${metadata.name ?? ''}`;
  return place(a) < place(b) ? -1 : 1;
}
