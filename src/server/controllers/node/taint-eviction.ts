/**
 * Removes pods from nodes with NoExecute taints that they do not tolerate, or tolerate only for so many seconds (pkg/controller/
 * tainteviction). By default pods tolerate silence for ever (ARCHITECTURE.md, Deviations), so this concerns those who asked for it, and taints
 * that people set. When a whole zone falls silent, it is the way there that is broken, not the zone: then nobody is moved.
 */
import { isNodeReady, TAINT_NOT_READY, TAINT_UNREACHABLE, type Node, type Taint } from '#api/kinds/node.ts';
import { isActive, tolerates, type Pod } from '#api/kinds/pod.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { conditionsPatch, deleteChange } from '../changes.ts';
import type { Controller, News, Outcome } from '../controller.ts';

const ZONE = 'topology.kubernetes.io/zone';
const OF_SILENCE: readonly string[] = [TAINT_NOT_READY, TAINT_UNREACHABLE];
/** While a zone is silent it is looked at this often. */
const ZONE_PERIOD_MS = 60_000;
const BURST_MAX = 100;
/** A taint that claims to be set later than this from now was set before the wall clock went back. */
const FUTURE_MS_MAX = 60_000;

export const taintEviction: Controller = {
  name: 'taint-eviction',
  keysOf,
  keys: (view) => (view.list('nodes') as readonly Node[]).filter(isTainted).map(({ metadata }) => metadata.name ?? ''),
  reconcile: (key, view, now) => {
    // Sound: the store keeps under this resource only objects of this kind.
    const node = view.get('nodes', '', key) as Node | undefined;
    return node === undefined || !isTainted(node) ? { changes: [] } : reconcile(node, view, now);
  },
};

function reconcile(node: Node, view: View, now: number): Outcome {
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  const pods = (view.podsOn(node.metadata.name ?? '') as readonly Pod[]).filter(isActive);
  const age = ageOf(view, now);
  const leaving = pods
    .map((pod) => ({ pod, left: leftMs(pod, taints, age) }))
    .filter(({ left }) => left < Number.POSITIVE_INFINITY);
  const due = leaving.filter(({ left }) => left <= 0).map(({ pod }) => pod);
  const waits = leaving.filter(({ left }) => left > 0).map(({ left }) => left);
  const held = due.length > 0 && isZoneSilent(node, view) ? due.filter((pod) => leftMs(pod, taints.filter(isOwn), age) > 0) : [];
  const evicted = due.filter((pod) => !held.includes(pod)).slice(0, BURST_MAX);
  if (held.length > 0) waits.push(ZONE_PERIOD_MS);
  return {
    changes: [...evicted.map((pod) => disrupted(pod, now)), ...evicted.map((pod) => deleteChange('pods', pod))],
    events: evicted.map((pod) => ({
      about: pod,
      type: 'Normal',
      reason: 'TaintManagerEviction',
      message: `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`,
    })),
    ...(waits.length === 0 ? {} : { afterMs: Math.min(...waits) }),
  };
}

/** Why the pod goes, for whoever counts failures of its workload. */
function disrupted(pod: Pod, now: number): Change {
  const [type, status, reason] = ['DisruptionTarget', 'True', 'DeletionByTaintManager'];
  const message = 'Taint manager: deleting due to NoExecute taint';
  return conditionsPatch('pods', pod, [{ type, status, reason, message, lastTransitionTime: rfc3339(now) }]);
}

/** Of something that began then, if anybody has said when. */
type Age = (since: string | undefined) => number | undefined;

/**
 * How long something has been there, as this process can vouch for: no longer than it runs. So a wall clock that jumps forwards, as boards
 * without a clock of their own do after a boot, cuts nobody's patience short, and one that went back makes no pod stay for years.
 */
function ageOf(view: View, now: number): Age {
  const upMs = view.sinceWriteMs('nodes', '', '');
  return (text) => {
    const since = parseTime(text);
    if (since === undefined) return undefined;
    return since - now > FUTURE_MS_MAX ? upMs : Math.min(Math.max(0, now - since), upMs);
  };
}

/** Until the first of the taints has lasted longer than the pod, since it is there, bears; Infinity: it bears them all for ever. */
function leftMs(pod: Pod, taints: readonly Taint[], age: Age): number {
  const podMs = age(pod.metadata.creationTimestamp) ?? Number.POSITIVE_INFINITY;
  const left = taints.map((taint) => {
    const tolerations = pod.spec?.tolerations?.filter((toleration) => tolerates(toleration, taint)) ?? [];
    if (tolerations.length === 0) return Number.NEGATIVE_INFINITY;
    const seconds = tolerations.map(({ tolerationSeconds }) => tolerationSeconds ?? Number.POSITIVE_INFINITY);
    const taintMs = age(taint.timeAdded);
    // A taint that nobody has timed yet is timed by the node's lifecycle in a moment; patience counts from then.
    if (taintMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(...seconds)) * 1_000 - Math.min(taintMs, podMs);
  });
  return Math.min(Number.POSITIVE_INFINITY, ...left);
}

/** Taints that somebody set, not silence. */
function isOwn({ key }: Taint): boolean {
  return !OF_SILENCE.includes(key);
}

/** No node of a zone of several is ready, or none of the whole cluster. */
function isZoneSilent(node: Node, view: View): boolean {
  const nodes = view.list('nodes') as readonly Node[];
  const zoneOf = ({ metadata }: Node) => metadata.labels?.[ZONE] ?? '';
  const zone = nodes.filter((each) => zoneOf(each) === zoneOf(node));
  return !nodes.some(isNodeReady) || (zone.length > 1 && !zone.some(isNodeReady));
}

function isTainted({ spec }: Node): boolean {
  return spec?.taints?.some(({ effect }) => effect === 'NoExecute') === true;
}

function keysOf({ resource, after }: News, view: View): readonly string[] {
  if (resource === 'nodes') return after !== undefined && isTainted(after as Node) ? [after.metadata.name ?? ''] : [];
  if (resource !== 'pods' || after === undefined) return [];
  const name = (after as Pod).spec?.nodeName ?? '';
  const node = name === '' ? undefined : (view.get('nodes', '', name) as Node | undefined);
  return node !== undefined && isTainted(node) ? [name] : [];
}
