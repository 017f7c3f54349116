import type { Json } from '../object.ts';
import type { Report } from './reports.ts';
import type { SignedStatement } from './statement.ts';

/**
 * The messages of the link, as values. The transport's kind is the message's `type`. Who sends what when is told in
 * src/agent/link/session.ts and src/server/fleet; how they become bytes in message-codec.ts.
 */
export const PROTOCOL = 1;

/** Agent → server. */
export type UpMessage = Hello | Status | Get | Response;
/** Server → agent. */
export type DownMessage = Hi | Ack | Head | Delta | Chunk | Command;

/** The first message of a connection, and the answer to a `hi` that asks for it. */
export type Hello = {
  readonly type: 'hello';
  /** New for each connection. */
  readonly session: string;
  /** New for each start of the agent: two machines with one identity show as two instances taking turns. */
  readonly instance: string;
  readonly protocol: number;
  readonly release: string;
  readonly codecs: readonly number[];
  readonly keepaliveMs: number;
  /** For display; nothing is ordered by it. */
  readonly clock: { readonly bootId: string; readonly wallMs: number; readonly monotonicMs: number };
  readonly outbox: OutboxState;
  /** Items that a document may have. Absent: the agent is of a release before services, and gets none. */
  readonly itemsMax?: number;
  /** What the ledger holds, with the signature it came with: a proof that this cluster said so. */
  readonly document?: SignedStatement;
};

export type OutboxState = {
  /** New when the outbox was created: under another epoch seqs mean nothing. */
  readonly epoch: string;
  /** All up to here is acknowledged and forgotten. */
  readonly ackedSeq: number;
  /** The highest seq ever given out. */
  readonly lastSeq: number;
};

/**
 * Records of the outbox, in order. Their seqs need not be consecutive (a coalesced state leaves a hole): `after` is the seq of the
 * record before the first, so that the receiver sees whether it misses one. Without records: only `observed`.
 */
export type Status = {
  readonly type: 'st';
  readonly epoch: string;
  readonly after: number;
  readonly records: readonly OutboxRecord[];
  /** What the ledger has committed. */
  readonly observed?: Observed;
};

export type Observed = {
  readonly incarnation: string;
  readonly confirmed: boolean;
  readonly rev: number;
  readonly digest: string;
};

export type OutboxRecord =
  | { readonly seq: number; readonly report: Report }
  /** At this place up to `count` events, of seqs `fromSeq` to `seq`, were dropped because the ring was full. */
  | { readonly seq: number; readonly lost: { readonly count: number; readonly fromSeq: number } };

/** A record that this release can not read: skipped with a word in the log, it holds up nothing. */
export type UnreadableRecord = { readonly seq: number; readonly unreadable: string };

/** As received: records are looked at one by one. */
export type ReceivedStatus = Omit<Status, 'records'> & { readonly records: readonly (OutboxRecord | UnreadableRecord)[] };

/** Blobs by hash (an index by its digest, items by theirs), each from a byte on. At most `chunks` messages come back. */
export type Get = { readonly type: 'get'; readonly wants: readonly Want[]; readonly chunks: number };
export type Want = { readonly hash: string; readonly from: number };

/** The result of a command; sent again for a command that comes again. */
export type Response = { readonly type: 'rsp'; readonly id: string; readonly ok: boolean; readonly body: Json };

/** Answers a hello; unasked: `hello: true` asks for one (a server that has just started behind a broker knows no session). */
export type Hi = {
  readonly type: 'hi';
  readonly session: string;
  readonly protocol: number;
  readonly codecs: readonly number[];
  readonly serverTimeMs: number;
  readonly hello?: boolean;
  /** Of the outbox: as `ack`. */
  readonly ack?: { readonly epoch: string; readonly seq: number };
  /** Report everything again, changed or not. */
  readonly fullState?: boolean;
  /** Not welcome now, come back after this. */
  readonly refused?: { readonly why: string; readonly retryAfterMs: number };
};

/** Everything up to `seq` is committed on the server. */
export type Ack = { readonly type: 'ack'; readonly epoch: string; readonly seq: number; readonly fullState?: boolean };

export type Head = { readonly type: 'head'; readonly head: SignedStatement };

/** From the document `base` to the one `head` names. The items' bytes stand one after another in the frame's body, in the order of `ops`. */
export type Delta = {
  readonly type: 'delta';
  readonly base: { readonly incarnation: string; readonly rev: number; readonly digest: string };
  readonly ops: readonly DeltaOp[];
  readonly head: SignedStatement;
};

export type DeltaOp =
  | {
      readonly key: string;
      readonly hash: string;
      /** Absent: an item the node has under another key. */ readonly bytes?: Uint8Array;
    }
  | { readonly key: string; readonly gone: true };

/** Pieces of blobs. `size` is that of the whole blob; `missing`: no such blob (any more), see the head that comes along. */
export type Chunk = { readonly type: 'chunk'; readonly parts: readonly ChunkPart[]; readonly missing: readonly string[] };
export type ChunkPart = { readonly hash: string; readonly from: number; readonly size: number; readonly bytes: Uint8Array };

/** Done at most once per id, and given up where it is not done `ttlMs` after it was received. */
export type Command = {
  readonly type: 'cmd';
  readonly session: string;
  readonly id: string;
  readonly kind: string;
  readonly ttlMs: number;
  readonly body: Json;
  /** base64, over CommandStatement. */
  readonly signature: string;
};

/** Raw bytes of blobs in one chunk message: what a slow line can carry without holding up its pings (measured). */
export const CHUNK_BYTES_MAX = 32 * 1024;
export const CHUNK_WINDOW_MAX = 4;
/** Of a delta's items; what is larger is pulled in chunks. */
export const DELTA_BYTES_MAX = 32 * 1024;
/** Of one item, and of all items of one node together. */
export const ITEM_BYTES_MAX = 4 * 1024 * 1024;
export const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A document of more is refused by its node. It was 4,096 before services were in it, so an agent tells that it takes as many. */
export const ITEMS_MAX = 65_536;
/** Of one batch of records, as JSON; a single larger record travels alone. */
export const BATCH_BYTES_MAX = 32 * 1024;
export const BATCH_RECORDS_MAX = 256;
/** Of one record; refused by the outbox already. */
export const RECORD_BYTES_MAX = 128 * 1024;
