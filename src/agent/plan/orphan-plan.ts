import type { Documents, Memory } from '../ledger/ledger.ts';
import { forgetPod, podMemory, rememberPod, type PodMemory } from '../memory.ts';
import type { Action, PodName } from './action.ts';
import { NOTHING_OBSERVED, type Now, type Observed, type ObservedContainer } from './observed.ts';

/**
 * A pod that nobody desires any more: stopped with the grace its containers were made with, then every trace is removed and forgotten.
 * While removals are not allowed (an unknown incarnation of the server), nothing at all.
 */
export function planOrphan(documents: Documents, memory: Memory, observed: Observed, now: Now, uid: string): readonly Action[] {
  if (!documents.removalsAllowed) return [];
  const seen = observed.pods.get(uid) ?? NOTHING_OBSERVED;
  const all = [...seen.containers, ...seen.sandboxes];
  const pod = nameOf(uid, all[0]);
  const running = seen.containers.filter(({ state }) => state === 'running');
  if (running.length > 0) return stopOrphan(memory, observed, now, pod, running);
  const ids = all.map(({ id }) => id);
  if (ids.length > 0 || observed.volumes.has(uid) || observed.wired.has(uid)) return [{ type: 'remove-pod', pod, ids }];
  const changes = forgetPod(memory, uid);
  return changes.length === 0 ? [] : [{ type: 'commit', pod, changes, reports: [] }];
}

function stopOrphan(
  memory: Memory,
  observed: Observed,
  now: Now,
  pod: PodName,
  running: readonly ObservedContainer[],
): readonly Action[] {
  const known = podMemory(memory, pod.uid);
  const graceMs = Math.max(...running.map(({ stopGraceMs }) => stopGraceMs));
  const termination = known?.termination ?? { sinceMs: now.runningMs, graceMs };
  const row: PodMemory = {
    ...(known ?? { seenMs: now.runningMs, seenWallMs: now.wallMs, sandboxAttempt: -1, containers: {} }),
    termination,
  };
  const leftMs = termination.sinceMs + termination.graceMs - now.runningMs;
  const changes = known?.termination === undefined ? [rememberPod(pod.uid, row)] : [];
  return [
    ...(changes.length === 0 ? [] : [{ type: 'commit' as const, pod, changes, reports: [] }]),
    ...running.flatMap(({ id, name }): readonly Action[] => {
      if (leftMs <= 0) return [{ type: 'kill-container', pod, container: name, id }];
      if (observed.signalled.has(id)) return [];
      return [{ type: 'stop-container', pod, container: name, id, graceMs: leftMs, why: `Stopping container ${name}` }];
    }),
    ...(leftMs > 0 ? [{ type: 'wake' as const, pod, afterMs: leftMs }] : []),
  ];
}

function nameOf(uid: string, container: ObservedContainer | undefined): PodName {
  return { uid, namespace: container?.namespace ?? '', name: container?.podName ?? uid };
}
