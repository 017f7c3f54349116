/**
 * What the server says of a node by itself: that it has fallen silent, which taints follow from its state, and that pods on a silent node
 * are not known to be ready. It deletes nothing: who wants pods replaced gives them tolerations with seconds (./taint-eviction.ts).
 */
import { nodeCondition, type Node, type NodeCondition } from '#api/kinds/node.ts';
import { NODE_LEASE_NAMESPACE, type Lease } from '#api/kinds/lease.ts';
import type { KubeObject } from '#api/object.ts';
import { isPodReady, isTerminal, podCondition, type Pod } from '#api/kinds/pod.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { conditionsPatch, updateChange } from '../changes.ts';
import type { Controller, News, Note, Outcome } from '../controller.ts';
import { LEASES, untilSilentMs } from './liveness.ts';
import { taintsFor } from './taints.ts';

const RESOURCE = 'nodes';
const CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
const STOPPED = { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
const NEVER = { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
/** Reason of a pod's Ready that its node's silence made False. */
const UNHEARD = 'NodeNotReady';
/** Pods marked in one run; the rest follows at once in the next. */
const BURST_MAX = 500;
/** Not to look a moment too early. */
const SLACK_MS = 50;

export const nodeLifecycle: Controller = {
  name: 'node',
  keysOf,
  keys: (view) => view.list(RESOURCE).map(({ metadata }) => metadata.name ?? ''),
  reconcile: (key, view, now) => {
    // Sound: the store keeps under this resource only objects of this kind.
    const node = view.get(RESOURCE, '', key) as Node | undefined;
    return node === undefined ? { changes: [] } : reconcile(node, view, now);
  },
};

function reconcile(node: Node, view: View, now: number): Outcome {
  const leftMs = untilSilentMs(node, view, now);
  const silent = leftMs <= 0 ? silentConditions(node, now) : [];
  const known: Node = silent.length === 0 ? node : { ...node, status: { ...node.status, conditions: merged(node, silent) } };
  const taints = taintsFor(known, now);
  const ready = nodeCondition(known, 'Ready')?.status;
  return {
    changes: [
      ...(silent.length === 0 ? [] : [conditionsPatch(RESOURCE, node, silent)]),
      // The status is written already; a second write of what was read would be a conflict, so the taints wait for the next run.
      ...(taints !== undefined && silent.length === 0 ? [updateChange(RESOURCE, node, { spec: { ...node.spec, taints } })] : []),
      ...(ready === 'Unknown' ? unreadyPods(node, view, now) : []),
      ...(ready === 'True' ? readyPods(node, view, now) : []),
    ],
    events: silent.some(({ type }) => type === 'Ready') ? [notReady(node)] : [],
    ...(leftMs > 0 ? { afterMs: leftMs + SLACK_MS } : {}),
  };
}

/** What is to be said differently of a silent node. */
function silentConditions(node: Node, now: number): readonly NodeCondition[] {
  const time = rfc3339(now);
  return CONDITIONS.flatMap((type): readonly NodeCondition[] => {
    const old = nodeCondition(node, type);
    if (old?.status === 'Unknown') return [];
    const lastHeartbeatTime = old?.lastHeartbeatTime ?? node.metadata.creationTimestamp ?? time;
    return [{ type, status: 'Unknown', ...(old === undefined ? NEVER : STOPPED), lastHeartbeatTime, lastTransitionTime: time }];
  });
}

function merged({ status }: Node, next: readonly NodeCondition[]): readonly NodeCondition[] {
  const others = (status?.conditions ?? []).filter(({ type }) => !next.some((each) => each.type === type));
  return [...others, ...next];
}

/** Nobody can say any more that they are. The mark tells this "no" from one of the agent's. */
function unreadyPods(node: Node, view: View, now: number): readonly Change[] {
  return podsOn(node, view)
    .filter((pod) => isPodReady(pod) && !isTerminal(pod))
    .slice(0, BURST_MAX)
    .map((pod) => {
      const said = { ...podCondition(pod, 'Ready'), type: 'Ready', status: 'False', reason: UNHEARD };
      return conditionsPatch('pods', pod, [{ ...said, lastTransitionTime: rfc3339(now) }]);
    });
}

/** The node is heard again: what the agent said last, which it does not repeat unasked, holds again. Only as read, for it may say more by now. */
function readyPods(node: Node, view: View, now: number): readonly Change[] {
  return podsOn(node, view)
    .filter((pod) => podCondition(pod, 'Ready')?.reason === UNHEARD)
    .slice(0, BURST_MAX)
    .map((pod) => {
      const said = { type: 'Ready', status: 'True', reason: null, lastTransitionTime: rfc3339(now) };
      return conditionsPatch('pods', pod, [said], pod.metadata.resourceVersion);
    });
}

function podsOn({ metadata }: Node, view: View): readonly Pod[] {
  // Sound: the view keeps only pods there.
  return view.podsOn(metadata.name ?? '') as readonly Pod[];
}

function notReady(about: Node): Note {
  return { about, type: 'Normal', reason: 'NodeNotReady', message: `Node ${about.metadata.name} status is now: NodeNotReady` };
}

/** A heartbeat of a node that is known to be there is no news: its key comes back by itself when the silence has lasted too long. */
function keysOf({ resource, before, after }: News, view: View): readonly string[] {
  if (resource === RESOURCE) return after === undefined ? [] : [after.metadata.name ?? ''];
  if (resource !== LEASES || (after ?? before)?.metadata.namespace !== NODE_LEASE_NAMESPACE) return [];
  const name = (after ?? before)?.metadata.name ?? '';
  const node = view.get(RESOURCE, '', name) as Node | undefined;
  const isNews =
    before === undefined ||
    after === undefined ||
    // How long silence may last has changed: the look that is due was reckoned from the old one.
    patienceOf(before) !== patienceOf(after) ||
    (node !== undefined && nodeCondition(node, 'Ready')?.status === 'Unknown');
  return isNews ? [name] : [];
}

function patienceOf(lease: KubeObject): number | undefined {
  // Sound: only Leases come here.
  return (lease as Lease).spec?.leaseDurationSeconds;
}
