/**
 * The next pods of an old template to replace, within maxUnavailable or maxSurge (pkg/controller/daemon update.go), on a fleet where some
 * nodes are always out of reach:
 *  - a node that was out of reach before its new pod was made counts for nothing, and is updated when it is back, within the limits;
 *  - a node that fell silent after it could have got its new pod counts as unavailable: that may be the new pod's doing.
 */
import { nodeCondition, type Node } from '#api/kinds/node.ts';
import { isPodAvailable, isTerminal, isTerminating, type Pod } from '#api/kinds/pod.ts';
import { parseTime } from '#lib/time.ts';
import { isUpToDate, type NodePods } from './daemon-pods.ts';

export type Limits = { readonly maxUnavailable: number; readonly maxSurge: number };
export type Context = { readonly hash: string; readonly minReadySeconds: number; readonly now: number };

/** `create`: names of nodes that get a second, new pod. */
export type Update = { readonly create: readonly string[]; readonly remove: readonly Pod[] };

export function rollingUpdate(nodes: readonly NodePods[], limits: Limits, context: Context): Update {
  const states = nodes.flatMap((each) => stateOf(each, context));
  return limits.maxSurge > 0 ? surge(states, limits.maxSurge) : replace(states, limits.maxUnavailable);
}

type State = {
  readonly name: string;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
  readonly freshAvailable: boolean;
  readonly oldAvailable: boolean;
};

/** Nothing for a node that counts for nothing now. Where no pod would be made any more, the one that is there is not given up for a new one. */
function stateOf({ node, eligible, pods }: NodePods, { hash, minReadySeconds, now }: Context): readonly State[] {
  const present = pods.filter((pod) => !isTerminating(pod) && !isTerminal(pod));
  const fresh = present.find((pod) => isUpToDate(pod, hash));
  const old = present.find((pod) => !isUpToDate(pod, hash));
  if (!eligible.stay || (!eligible.run && fresh === undefined) || wasSilentBefore(node, fresh)) return [];
  const available = (pod: Pod | undefined) => pod !== undefined && isPodAvailable(pod, minReadySeconds, now);
  return [{ name: node.metadata.name ?? '', fresh, old, freshAvailable: available(fresh), oldAvailable: available(old) }];
}

/** Times are the server's own on both sides. */
function wasSilentBefore(node: Node, fresh: Pod | undefined): boolean {
  const ready = nodeCondition(node, 'Ready');
  if (ready?.status !== 'Unknown') return false;
  const silentSince = parseTime(ready.lastTransitionTime);
  const madeAt = parseTime(fresh?.metadata.creationTimestamp);
  return madeAt === undefined || silentSince === undefined || silentSince <= madeAt;
}

function replace(states: readonly State[], maxUnavailable: number): Update {
  const outdated = states.filter(({ fresh, old }) => fresh === undefined && old !== undefined);
  const useless = outdated.filter(({ oldAvailable }) => !oldAvailable);
  const candidates = outdated.filter(({ oldAvailable }) => oldAvailable);
  const unavailable = states.filter(({ oldAvailable, freshAvailable }) => !oldAvailable && !freshAvailable).length;
  const chosen = candidates.slice(0, Math.max(0, maxUnavailable - unavailable));
  return { create: [], remove: [...useless, ...chosen].flatMap(({ old }) => old ?? []) };
}

function surge(states: readonly State[], maxSurge: number): Update {
  const outdated = states.filter(({ fresh, old }) => fresh === undefined && old !== undefined);
  const useless = outdated.filter(({ oldAvailable }) => !oldAvailable);
  const candidates = outdated.filter(({ oldAvailable }) => oldAvailable);
  const surging = states.filter(
    ({ fresh, old, freshAvailable }) => fresh !== undefined && old !== undefined && !freshAvailable,
  ).length;
  const chosen = candidates.slice(0, Math.max(0, maxSurge - surging));
  const replaced = states.filter(({ fresh, freshAvailable }) => fresh !== undefined && freshAvailable);
  return { create: [...useless, ...chosen].map(({ name }) => name), remove: replaced.flatMap(({ old }) => old ?? []) };
}
