import type { PodStatus } from '#api/generated/types.ts';
import type { Memory } from './ledger/ledger.ts';
import { STATUSES, reportedStatus } from './memory.ts';
import type { Action } from './plan/action.ts';
import type { ProbeVerdicts } from './plan/observed.ts';

/**
 * How this node's pods are, for whoever acts on it at once (endpoints): as planned, before the disk and the server have it; what probes have found since counts too, though the
 * engine may be away and nothing be planned. Holds over a restart of the agent.
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
};

export function createReadiness(memory: () => Memory, verdicts: ReadonlyMap<string, ProbeVerdicts>): ReadinessKeeper {
  const listeners = new Set<(uid: string) => void>();
  /** What the disk may not have. */
  const planned = new Map<string, PodStatus>();
  const changed = (uid: string) => {
    for (const listener of listeners) listener(uid);
  };
  const status = (uid: string) => planned.get(uid) ?? reportedStatus(memory(), uid);
  return {
    status,
    isReady: (uid) => {
      const known = status(uid);
      if (known?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') return false;
      return idsOf(known).every((id) => verdicts.get(id)?.readiness !== 'failure');
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    note: (uid, actions) => {
      const changes = actions.flatMap((action) => (action.type === 'commit' ? action.changes : []));
      const change = changes.find(({ kind, key }) => kind === STATUSES && key === uid);
      const isOther = planned.delete(uid) || change !== undefined;
      // Rows of this kind are written by the plan alone.
      if (change?.value !== undefined) planned.set(uid, change.value as unknown as PodStatus);
      if (isOther) changed(uid);
    },
    changed,
  };
}

function idsOf({ containerStatuses = [], initContainerStatuses = [] }: PodStatus): readonly string[] {
  return [...initContainerStatuses, ...containerStatuses].map(({ containerID = '' }) => containerID.replace(/^.*:\/\//, ''));
}
