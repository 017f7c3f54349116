import type { Codec } from '#api/link/frame.ts';
import type { ReceivedStatus, Get, Hello, Observed, Response } from '#api/link/messages.ts';
import type { NodeReport } from '#api/link/reports.ts';
import type { Index } from '#api/link/statement.ts';
import type { Projection } from './project.ts';

/** What the fleet knows of one node while it runs; nothing here must survive a restart. */
export type Peer = {
  readonly node: string;
  connected: boolean;
  /** By the clock that never jumps; -Infinity: not since the start. */
  lastSeenMs: number;
  session: PeerSession | undefined;
  /** What came and has not been dealt with, in order. */
  readonly mailbox: (Hello | ReceivedStatus)[];
  /** Tries of the first message of the mailbox. */
  tries: number;
  /** The newest wish for chunks. */
  get: Get | undefined;
  /** What the node is known to hold. */
  acked: Observed | undefined;
  current: Current | undefined;
  /** The document may be out of date: in what is the node's own, or only in what it has in common with many. */
  dirty: 'own' | 'shared' | undefined;
  /** When the document was made. */
  madeMs: number;
  sent: Sent | undefined;
  /** Documents of before, by digest, newest last: where deltas can start from. */
  readonly past: Map<string, Past>;
  nextHeadMs: number;
  askedHelloMs: number;
  leaseMs: number;
  fullStateMs: number;
  /** The conditions of the last node report. */
  conditions: NodeReport['status']['conditions'];
};

export type PeerSession = {
  readonly id: string;
  readonly instance: string;
  readonly codecs: readonly Codec[];
  readonly keepaliveMs: number;
  /** Server time minus the node's, when it said hello. */
  readonly clockOffsetMs: number;
  /** Its agent knows of services, and takes documents of as many items. */
  readonly takesShared: boolean;
};

export type Current = Projection & {
  readonly rev: number;
  readonly digest: string;
  /** Version of the shared items; undefined: none are in it. */
  readonly shared: number | undefined;
};

export type Past = { readonly own: Index; readonly shared: number | undefined };

export type Sent = Observed & { readonly tries: number; readonly atMs: number };

export type CommandResult = Pick<Response, 'id' | 'ok' | 'body'>;

export function createPeer(node: string): Peer {
  return {
    node,
    connected: false,
    lastSeenMs: Number.NEGATIVE_INFINITY,
    session: undefined,
    mailbox: [],
    tries: 0,
    get: undefined,
    acked: undefined,
    current: undefined,
    dirty: 'own',
    madeMs: Number.NEGATIVE_INFINITY,
    sent: undefined,
    past: new Map(),
    nextHeadMs: Number.POSITIVE_INFINITY,
    askedHelloMs: Number.NEGATIVE_INFINITY,
    leaseMs: Number.NEGATIVE_INFINITY,
    fullStateMs: Number.NEGATIVE_INFINITY,
    conditions: undefined,
  };
}

export const isHeld = (held: Observed | undefined, wanted: Observed): boolean =>
  held !== undefined &&
  held.incarnation === wanted.incarnation &&
  held.confirmed === wanted.confirmed &&
  held.digest === wanted.digest;
