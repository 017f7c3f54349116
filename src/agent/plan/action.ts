import type { PodItem } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';
import { unreachable } from '#lib/assert.ts';
import type { MemoryChange } from '../ledger/ledger.ts';

/**
 * What the agent may do to bring a pod into line: small, idempotent, each with a sentence for tests and logs. `commit` comes first in
 * a pod's list and is on the disk before anything after it is done.
 */
export type Action =
  | {
      readonly type: 'commit';
      readonly pod: PodName;
      readonly changes: readonly MemoryChange[];
      readonly reports: readonly Report[];
    }
  | { readonly type: 'event'; readonly pod: PodName; readonly event: PodEvent }
  | {
      readonly type: 'pull-image';
      readonly pod: PodName;
      readonly item: PodItem;
      readonly image: string;
      readonly container: string;
    }
  | {
      readonly type: 'prepare-volumes';
      readonly pod: PodName;
      readonly item: PodItem;
      readonly fingerprint: string;
      readonly address?: string;
    }
  | {
      readonly type: 'create-sandbox';
      readonly pod: PodName;
      readonly item: PodItem;
      readonly attempt: number;
      /** Absent for a pod in the host's network. */
      readonly address?: string;
    }
  | {
      readonly type: 'wire';
      readonly pod: PodName;
      readonly item: PodItem;
      readonly sandboxId: string;
      readonly pid: number;
      readonly address: string;
    }
  | {
      readonly type: 'start-container';
      readonly pod: PodName;
      readonly item: PodItem;
      readonly container: string;
      readonly attempt: number;
      readonly sandboxAttempt: number;
      readonly sandboxId: string;
      readonly hash: string;
      readonly address?: string;
    }
  | {
      readonly type: 'stop-container';
      readonly pod: PodName;
      readonly container: string;
      readonly id: string;
      readonly graceMs: number;
      readonly why: string;
    }
  | { readonly type: 'kill-container'; readonly pod: PodName; readonly container: string; readonly id: string }
  | {
      readonly type: 'remove-container';
      readonly pod: PodName;
      readonly container: string;
      readonly id: string;
      readonly attempt: number;
    }
  | { readonly type: 'remove-sandbox'; readonly pod: PodName; readonly ids: readonly string[] }
  | { readonly type: 'remove-pod'; readonly pod: PodName; readonly ids: readonly string[] }
  | { readonly type: 'wake'; readonly pod: PodName; readonly afterMs: number };

export type PodName = { readonly uid: string; readonly namespace: string; readonly name: string };

export type PodEvent = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
  /** For how many of the same it stands; absent: one. */
  readonly count?: number;
  /** Told once per pod and key by one run of the agent. */
  readonly once: string;
};

/** `start web-1/app attempt 2`. */
export function sentence(action: Action): string {
  const pod = action.pod.name;
  switch (action.type) {
    case 'commit':
      return `commit ${pod}`;
    case 'event':
      return `event ${action.event.reason} ${pod}: ${action.event.message}`;
    case 'pull-image':
      return `pull image ${action.image}`;
    case 'prepare-volumes':
      return `prepare volumes ${pod}`;
    case 'create-sandbox':
      return `create sandbox ${pod}${action.attempt === 0 ? '' : ` attempt ${action.attempt}`}`;
    case 'wire':
      return `wire ${pod} at ${action.address}`;
    case 'start-container':
      return `start ${pod}/${action.container} attempt ${action.attempt}`;
    case 'stop-container':
      return `stop ${pod}/${action.container} grace ${action.graceMs / 1000}`;
    case 'kill-container':
      return `kill ${pod}/${action.container}`;
    case 'remove-container':
      return `remove ${pod}/${action.container} attempt ${action.attempt}`;
    case 'remove-sandbox':
      return `remove sandbox ${pod}`;
    case 'remove-pod':
      return `remove ${pod}`;
    case 'wake':
      return `wake ${pod} in ${action.afterMs / 1000}`;
    default:
      return unreachable(action);
  }
}
