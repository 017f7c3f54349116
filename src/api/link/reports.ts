import type { Node } from '../kinds/node.ts';
import type { Pod } from '../kinds/pod.ts';

/**
 * What a node tells the server, by class:
 *  state: keyed, the last value wins while unsent;  event: a bounded ring, with a marker where some were lost;
 *  decision: never coalesced, never dropped; when the outbox is full, new ones are refused.
 * The server applies each as `system:node:<name>`, and only to what is bound to that node.
 */
export type Report =
  | { readonly class: 'state'; readonly key: `pods/${string}`; readonly body: PodReport }
  | { readonly class: 'state'; readonly key: 'node'; readonly body: NodeReport }
  | { readonly class: 'event'; readonly body: EventReport }
  | { readonly class: 'decision'; readonly body: DecisionReport };

/** The status fields that the node owns; `gone`: every container of the deleted pod has stopped and its traces are removed. */
export type PodReport = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: Partial<NonNullable<Pod['status']>>;
  readonly gone?: true;
};

/** capacity, allocatable, addresses, nodeInfo, images and the conditions Ready, MemoryPressure, DiskPressure, PIDPressure; labels the agent owns. */
export type NodeReport = {
  readonly status: Partial<NonNullable<Node['status']>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Its addresses in its LANs, as src/api/kinds/node-lan.ts writes them. */
  readonly lan?: string;
};

export type EventReport = {
  readonly involved: {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly fieldPath?: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339 by the node's clock; display only. */
  readonly time: string;
  readonly count: number;
};

/** A pod reached its end on this node and must not be started again there, whatever the document says (until a new uid). */
export type DecisionReport = {
  readonly type: 'verdict';
  readonly uid: string;
  readonly phase: 'Succeeded' | 'Failed';
  readonly reason: string;
  readonly message: string;
};
