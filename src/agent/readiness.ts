import type { PodStatus } from '#api/generated/types.ts';
import type { Memory } from './ledger/ledger.ts';
import { PODS, STATUSES, podMemory, reportedStatus } from './memory.ts';
import type { Action } from './plan/action.ts';
import type { ProbeVerdicts } from './plan/observed.ts';
import { isSameBoot, type Boot } from './running-time.ts';
import type { RuntimeEvent } from './runtime/runtime.ts';

/**
 * How this node's pods are, for whoever acts on it at once (endpoints): as planned, before the disk and the server have it; what probes have found since counts too, though the
 * engine may be away and nothing be planned. Holds over a restart of the agent, and not over one of the machine: until this boot has seen a pod, what the ledger says of it is of the boot before.
 */
export type Readiness = {
  readonly isReady: (uid: string) => boolean;
  /** As told last, or about to be; undefined: nothing was told of it, or it is gone. */
  readonly status: (uid: string) => PodStatus | undefined;
  /** Called when a pod's status, or readiness, may have changed. Gives what ends it. */
  readonly onChange: (changed: (uid: string) => void) => () => void;
};

export type ReadinessKeeper = Readiness & {
  /** This is planned for a pod, and about to be written down. It holds though the disk may not take it, until something else is planned. */
  readonly note: (uid: string, actions: readonly Action[]) => void;
  /** A probe has found something of this pod. */
  readonly changed: (uid: string) => void;
  /** The engine's word for a death counts before it was looked at: while it takes a container away it may be busy for a tenth of a second. */
  readonly hear: (event: Extract<RuntimeEvent, { readonly type: 'container' }>) => void;
};

/** Deaths that are remembered; what was planned of the first of them is known long since. */
const DEAD_MAX = 1_000;

export function createReadiness(
  memory: () => Memory,
  verdicts: ReadonlyMap<string, ProbeVerdicts>,
  boot: Pick<Boot, 'id'>,
): ReadinessKeeper {
  /** For rows of releases that did not write whose they are. */
  const wasSameBoot = isSameBoot(boot, memory());
  const listeners = new Set<(uid: string) => void>();
  /** What the disk may not have. */
  const planned = new Map<string, PodStatus>();
  const dead = new Set<string>();
  const changed = (uid: string) => {
    for (const listener of listeners) listener(uid);
  };
  const status = (uid: string) => planned.get(uid) ?? reportedStatus(memory(), uid);
  const isOfThisBoot = (uid: string) => {
    const { bootId } = podMemory(memory(), uid) ?? {};
    return planned.has(uid) || (bootId === undefined ? wasSameBoot : bootId === boot.id);
  };
  return {
    status,
    isReady: (uid) => {
      const known = status(uid);
      if (known?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True' || !isOfThisBoot(uid)) return false;
      return runningIn(known).every((id) => verdicts.get(id)?.readiness !== 'failure' && !dead.has(id));
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    note: (uid, actions) => {
      const changes = actions.flatMap((action) => (action.type === 'commit' ? action.changes : []));
      const change = changes.find(({ kind, key }) => kind === STATUSES && key === uid);
      const isOther = planned.delete(uid) || changes.some(({ kind, key }) => (kind === STATUSES || kind === PODS) && key === uid);
      // Rows of this kind are written by the plan alone.
      if (change?.value !== undefined) planned.set(uid, change.value as unknown as PodStatus);
      if (isOther) changed(uid);
    },
    changed,
    hear: ({ podUid, id, change }) => {
      // By hand: what is ours to start again is another container.
      if (change === 'started' && dead.delete(id)) changed(podUid);
      if (change !== 'died') return;
      const [oldest] = dead;
      if (oldest !== undefined && dead.size >= DEAD_MAX) dead.delete(oldest);
      dead.add(id);
      const known = status(podUid);
      if (known !== undefined && runningIn(known).includes(id)) changed(podUid);
    },
  };
}

/** Ids of the containers that run, as far as was told; one that ended well (an init container) says nothing of readiness. */
function runningIn({ containerStatuses = [], initContainerStatuses = [] }: PodStatus): readonly string[] {
  return [...initContainerStatuses, ...containerStatuses].flatMap(({ containerID = '', state }) =>
    state?.running === undefined ? [] : [containerID.replace(/^.*:\/\//, '')],
  );
}
