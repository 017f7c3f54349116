import type { Observed, OutboxRecord, OutboxState } from '#api/link/messages.ts';
import type { Index, SignedStatement } from '#api/link/statement.ts';
import type { DocumentUpdate } from './document-rules.ts';
import type { Ledger } from './ledger.ts';

/** What the link needs of the ledger beyond what the agent's loops see. */
export type LinkLedger = {
  /** The server's document as last accepted. */
  readonly held: () => { readonly signed: SignedStatement; readonly index: Index } | undefined;
  readonly hasItem: (hash: string) => boolean;
  /**
   * Commits a whole document: index, new items, incarnation. Rejects with `StaleDocument`, `SupersededIncarnation` or `BadDocument` and
   * no effect. The signature has been checked by the caller.
   */
  readonly accept: (update: DocumentUpdate) => Promise<Observed>;
  readonly outbox: () => OutboxState;
  /** Committed records after this seq, at least one if there is any, else as many as fit. */
  readonly records: (afterSeq: number, recordsMax: number, bytesMax: number) => readonly OutboxRecord[];
  /** Called after each commit that added records. */
  readonly onRecords: (added: () => void) => () => void;
  /** The server has committed everything up to here; of another epoch it means nothing. */
  readonly acknowledged: (epoch: string, seq: number) => void;
  /** Puts the last reported state of every key into the outbox once more, unless it is still there. */
  readonly repeatStates: () => Promise<void>;
  /** The server knows a higher seq of this epoch than we ever gave out (this ledger was restored): new epoch, records renumbered. */
  readonly renewEpoch: () => Promise<void>;
};

export type NodeLedger = Ledger &
  LinkLedger & {
    /** A damaged file was found at start: where it was put, and why. */
    readonly setAside?: { readonly path: string; readonly why: string };
    /** Commits what is waiting, then closes the file. */
    readonly close: () => Promise<void>;
    /** Resolves once the writer has answered, whatever it answers: nothing is written. */
    readonly alive: () => Promise<void>;
  };
