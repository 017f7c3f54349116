import type { SchemaStep } from '#lib/schema-steps.ts';
import type { LedgerRows, RowOp } from './rows.ts';

/** What the ledger needs of who writes its rows (synced-writer.ts). */
export type LedgerWriter = {
  /** One transaction, on the disk when this resolves; rejects with `DiskFull` or `LedgerFailed` and no effect. Calls are carried out in order. */
  readonly write: (ops: readonly RowOp[]) => Promise<void>;
  /** Once all that was asked for is written. */
  readonly close: () => Promise<void>;
  /** At once, in this turn of the loop: for a process that is just ending. What was under way is never answered. */
  readonly closeNow: () => void;
};

export type OpenedLedger = {
  readonly writer: LedgerWriter;
  readonly rows: LedgerRows;
  /** The file that was here was damaged: where it is now, and what was wrong with it. */
  readonly setAside?: { readonly path: string; readonly why: string };
};

/** `stamp` goes into the name of a damaged file that is set aside. */
export type LedgerFile = {
  readonly path: string;
  readonly stamp: string;
  /** This release may yet be taken back: what the one before needs stays. */
  readonly onTrial?: boolean;
  /** Another schema than this release's, for tests. */
  readonly steps?: readonly SchemaStep[];
};

export type OpenLedgerWriter = (file: LedgerFile) => Promise<OpenedLedger>;
