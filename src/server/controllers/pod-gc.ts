/** Pods that nobody will clean up: bound to a node that is no more, or ended long ago and too many (pkg/controller/podgc). */
import { isTerminal, type Pod } from '#api/kinds/pod.ts';
import type { View } from '../view.ts';
import { deleteChange } from './changes.ts';
import type { Controller, News, Outcome } from './controller.ts';

/** As upstream's --terminated-pod-gc-threshold. */
export const TERMINATED_PODS_MAX = 12_500;
/** A store just opened may not yet hold every node that is about to register. */
export const NODE_QUARANTINE_MS = 40_000;
const BURST_MAX = 500;
const NODE_PREFIX = 'node/';
const ENDED_KEY = 'ended';

export const podGc: Controller = {
  name: 'pod-garbage-collector',
  keysOf,
  keys: (view) => [ENDED_KEY, ...new Set((view.list('pods') as readonly Pod[]).flatMap((pod) => lostKey(pod, view)))],
  reconcile: (key, view) => (key === ENDED_KEY ? ended(view) : lost(key.slice(NODE_PREFIX.length), view)),
};

/** There is nobody left who could stop them, so there is no grace to give. */
function lost(node: string, view: View): Outcome {
  const pods = view.get('nodes', '', node) === undefined ? view.podsOn(node) : [];
  if (pods.length === 0) return { changes: [] };
  const quarantineMs = NODE_QUARANTINE_MS - view.sinceWriteMs('nodes', '', node);
  if (quarantineMs > 0) return { changes: [], afterMs: quarantineMs };
  return { changes: pods.slice(0, BURST_MAX).map((pod) => deleteChange('pods', pod, { gracePeriodSeconds: 0 })) };
}

/** The oldest go first. */
function ended(view: View): Outcome {
  const pods = (view.list('pods') as readonly Pod[]).filter(
    (pod) => isTerminal(pod) && pod.metadata.deletionTimestamp === undefined,
  );
  const surplus = pods.length - TERMINATED_PODS_MAX;
  if (surplus <= 0) return { changes: [] };
  const byAge = pods.toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
  return {
    changes: byAge.slice(0, Math.min(surplus, BURST_MAX)).map((pod) => deleteChange('pods', pod, { gracePeriodSeconds: 0 })),
  };
}

/** Counting the ended is for the periodic pass; a node gone, or a pod bound to none, is looked at when it happens. */
function keysOf({ resource, before, after }: News, view: View): readonly string[] {
  if (resource === 'nodes') return after === undefined ? [`${NODE_PREFIX}${before?.metadata.name ?? ''}`] : [];
  return resource === 'pods' && after !== undefined ? lostKey(after as Pod, view) : [];
}

function lostKey({ spec }: Pod, view: View): readonly string[] {
  const node = spec?.nodeName ?? '';
  return node === '' || view.get('nodes', '', node) !== undefined ? [] : [`${NODE_PREFIX}${node}`];
}
