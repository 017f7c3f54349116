import type { PodStatus } from '#api/generated/types.ts';
import type { Memory } from './ledger/ledger.ts';
import { STATUSES, reportedStatus } from './memory.ts';
import type { Action } from './plan/action.ts';

/** How this node's pods are, for whoever acts on it at once (endpoints): as planned, before the disk and the server have it. Holds over a restart of the agent. */
export type Readiness = {
  readonly isReady: (uid: string) => boolean;
  /** As told last, or about to be; undefined: nothing was told of it, or it is gone. */
  readonly status: (uid: string) => PodStatus | undefined;
  /** Called when a pod's status, or readiness, may have changed. Gives what ends it. */
  readonly onChange: (changed: (uid: string) => void) => () => void;
};

export type ReadinessKeeper = Readiness & {
  /** This is being written down. */
  readonly note: (actions: readonly Action[]) => void;
};

/** `memory`: with what is being written down. */
export function createReadiness(memory: () => Memory): ReadinessKeeper {
  const listeners = new Set<(uid: string) => void>();
  const status = (uid: string) => reportedStatus(memory(), uid);
  return {
    status,
    isReady: (uid) => status(uid)?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    note: (actions) => {
      const changes = actions.flatMap((action) => (action.type === 'commit' ? action.changes : []));
      for (const { key } of changes.filter(({ kind }) => kind === STATUSES)) for (const listener of listeners) listener(key);
    },
  };
}
