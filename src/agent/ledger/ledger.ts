import type { Json } from '#api/object.ts';
import type { Item } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';

/**
 * The node's own disk, as the agent's loops see it: what should run (documents), what the agent decided (memory) and what the server
 * has yet to hear (outbox). Everything here is on the disk before the promise resolves. Implemented in this folder on SQLite.
 */
export type Ledger = {
  /** The items of every source, as last committed, by key. A new object after each commit, so `===` tells whether anything changed. */
  readonly documents: () => Documents;
  readonly memory: () => Memory;
  /** Commits memory and reports together: a decision and its report are never apart. */
  readonly commit: (memory: readonly MemoryChange[], reports: readonly Report[]) => Promise<void>;
  /** Called after each commit that changed the documents; the returned function stops it. */
  readonly onDocuments: (changed: () => void) => () => void;
};

export type Documents = {
  readonly items: ReadonlyMap<string, DesiredItem>;
  /**
   * False while the server's incarnation is one that no operator has confirmed: what is desired is started and changed, but what is
   * not desired any more is left running. Also false before the first document was ever accepted. Deletions that came under such an
   * incarnation are not shown here at all: the item stays as it was.
   */
  readonly removalsAllowed: boolean;
};

export type DesiredItem = {
  readonly key: string;
  readonly source: string;
  /** SHA-256 of the item's bytes, hex. */
  readonly hash: string;
  readonly item: Item;
  /** The document does not name it so any more; it stays as it was while removals are not allowed. */
  readonly retained?: true;
};

/** Rows by kind and key (`addresses` / pod uid → "10.32.0.5"). The kinds and their values are declared in src/agent/memory.ts. */
export type Memory = { readonly rows: (kind: string) => ReadonlyMap<string, Json> };

/** `value: undefined` forgets the row. */
export type MemoryChange = { readonly kind: string; readonly key: string; readonly value: Json | undefined };
