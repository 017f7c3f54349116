/**
 * DaemonSets: a pod on every node that fits, replaced node by node when the template changes. Pods on nodes out of reach are kept; how
 * such nodes count in a rollout is told in ./rolling-update.ts. Waves and health gates come with fleet rollouts.
 */
import { semanticEqual } from '#api/equal.ts';
import { TEMPLATE_GENERATION, type DaemonSet } from '#api/kinds/daemon-set.ts';
import { nodeCondition, type Node } from '#api/kinds/node.ts';
import { availableAt, type Pod, type PodSpec } from '#api/kinds/pod.ts';
import { isEmptySelector } from '#api/kinds/workload/validate-selector.ts';
import { matchesLabelSelector } from '#api/selectors/label-selector.ts';
import { controllerOf, type KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { controllerReference, deleteChange, statusChange } from '../changes.ts';
import { claimPods } from '../claim.ts';
import type { Controller, News, Outcome } from '../controller.ts';
import { controllerKeys, keyOf, ownKey, parseKey } from '../keys.ts';
import { podFromTemplate } from '../pod-template.ts';
import { countOf } from '../portion.ts';
import { planNode, type NodePods, type Plan } from './daemon-pods.ts';
import { statusOf } from './daemon-set-status.ts';
import { daemonSpec, eligibility, nodeOf, pinnedTo } from './eligible.ts';
import { cleanUp, HASH_LABEL, revisionsOf, REVISIONS } from './revisions.ts';
import { rollingUpdate, type Limits } from './rolling-update.ts';

const RESOURCE = 'daemonsets.apps';
/** Created or deleted in one run; the rest follows at once in the next. */
export const BURST_MAX = 250;

export const daemonSetController: Controller = {
  name: 'daemonset',
  keysOf,
  keys: (view) => view.list(RESOURCE).map(keyOf),
  reconcile: (key, view, now) => {
    const { namespace, name } = parseKey(key);
    // Sound: the store keeps under this resource only objects of this kind.
    const set = view.get(RESOURCE, namespace, name) as DaemonSet | undefined;
    return set?.spec === undefined || isEmptySelector(set.spec.selector) ? { changes: [] } : reconcile(set, view, now);
  },
};

function reconcile(set: DaemonSet, view: View, now: number): Outcome {
  const { owned, changes: claims } = claimPods(view, set, set.spec?.selector);
  const spec = daemonSpec(set.spec?.template.spec);
  const nodes = nodePods(view, spec, owned);
  if (set.metadata.deletionTimestamp !== undefined) return { changes: [] };
  const revisions = revisionsOf(set, view);
  if (revisions.collided) {
    const collisionCount = (set.status?.collisionCount ?? 0) + 1;
    return { changes: statusChange(RESOURCE, set, { ...set.status, collisionCount }) };
  }
  const { hash } = revisions;
  const limits = limitsOf(set, nodes);
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const plans = nodes.map((each) => planNode(each, { hash, surges: limits.maxSurge > 0, minReadySeconds, now }));
  const managed = podChanges(set, spec, hash, {
    create: plans.flatMap(({ create }) => create),
    remove: [...plans.flatMap(({ remove }) => remove), ...lost(owned, view)],
  });
  const rolls = managed.length === 0 && set.spec?.updateStrategy?.type !== 'OnDelete';
  const update = rolls ? podChanges(set, spec, hash, rollingUpdate(nodes, limits, { hash, minReadySeconds, now })) : [];
  const waits = [
    ...plans.flatMap(({ afterMs }) => afterMs ?? []),
    ...owned.map((pod) => availableAt(pod, minReadySeconds, now) - now).filter((ms) => ms > 0 && Number.isFinite(ms)),
  ];
  const status = statusChange(RESOURCE, set, statusOf(set, nodes, hash, now));
  return {
    changes: [
      ...claims,
      ...revisions.changes,
      ...managed,
      ...update,
      ...status,
      ...(managed.length + update.length === 0 ? cleanUp(set, revisions.old, owned) : []),
    ],
    refused: () => ({ changes: status }),
    ...(waits.length === 0 ? {} : { afterMs: Math.min(...waits) }),
  };
}

function nodePods(view: View, spec: PodSpec, owned: readonly Pod[]): readonly NodePods[] {
  const byNode = Map.groupBy(owned, nodeOf);
  return (view.list('nodes') as readonly Node[]).map((node) => ({
    node,
    eligible: eligibility(spec, node),
    pods: byNode.get(node.metadata.name ?? '') ?? [],
  }));
}

/** Pods meant for a node that is no more; those bound to one are the pod collector's. */
function lost(owned: readonly Pod[], view: View): readonly Pod[] {
  return owned.filter((pod) => (pod.spec?.nodeName ?? '') === '' && view.get('nodes', '', nodeOf(pod)) === undefined);
}

function podChanges(set: DaemonSet, spec: PodSpec, hash: string, { create, remove }: Plan): readonly Change[] {
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
  const labels = { [HASH_LABEL]: hash, ...(generation === undefined ? {} : { 'pod-template-generation': generation }) };
  const owner = controllerReference(set);
  return [
    ...remove.slice(0, BURST_MAX).map((pod) => deleteChange('pods', pod)),
    ...create.slice(0, BURST_MAX).map((node): Change => {
      const object = podFromTemplate(set, set.spec?.template, { owner, labels, spec: pinnedTo(spec, node) });
      return { verb: 'create', resource: 'pods', object };
    }),
  ];
}

/** Percentages are of the nodes wanted, rounded up; never both zero. */
function limitsOf({ spec }: DaemonSet, nodes: readonly NodePods[]): Limits {
  const wanted = nodes.filter(({ eligible }) => eligible.run).length;
  const { maxSurge, maxUnavailable } = spec?.updateStrategy?.rollingUpdate ?? {};
  const surge = spec?.updateStrategy?.type === 'OnDelete' ? 0 : countOf(maxSurge, wanted, 'up');
  return { maxSurge: surge, maxUnavailable: surge > 0 ? 0 : Math.max(1, countOf(maxUnavailable, wanted, 'up')) };
}

function keysOf(news: News, view: View): readonly string[] {
  switch (news.resource) {
    case RESOURCE:
      return ownKey(news);
    case REVISIONS:
      return controllerKeys(news, 'apps', 'DaemonSet');
    case 'pods':
      return [...controllerKeys(news, 'apps', 'DaemonSet'), ...adopters(news, view)];
    case 'nodes':
      return concernsDaemons(news) ? view.list(RESOURCE).map(keyOf) : [];
    default:
      return [];
  }
}

function adopters({ after }: News, view: View): readonly string[] {
  if (after === undefined || controllerOf(after) !== undefined) return [];
  return view
    .list(RESOURCE, after.metadata.namespace ?? '')
    .filter((each) => {
      const selector = (each as DaemonSet).spec?.selector;
      return selector !== undefined && !isEmptySelector(selector) && matchesLabelSelector(selector, after.metadata.labels);
    })
    .map(keyOf);
}

/** Of a node's writes most are heartbeats; what makes it fit or silent is looked at by every set. */
function concernsDaemons({ before, after }: News): boolean {
  const facts = (object: KubeObject | undefined) => {
    const node = object as Node | undefined;
    const ready = node === undefined ? undefined : nodeCondition(node, 'Ready')?.status;
    return node === undefined ? undefined : [node.metadata.labels, node.spec?.taints, node.spec?.unschedulable, ready];
  };
  return !semanticEqual(facts(before), facts(after));
}
