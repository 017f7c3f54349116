import type { SchemaStep } from '#lib/schema-steps.ts';

/**
 * The ledger's tables, and every statement that is ever run against them, by name. What is to be written is data (RowOp), so that it
 * can be decided on the main loop and carried out elsewhere; all of one list is one transaction.
 */
/** "skry": tells a ledger from any other SQLite file. */
export const APPLICATION_ID = 0x736b7279;

/** A new step is added at the end; those that were released never change. */
export const SCHEMA: readonly SchemaStep[] = [
  {
    version: 1,
    kind: 'additive',
    sql: `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE items (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE entries (source TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (source, key)) WITHOUT ROWID;
  CREATE TABLE retained (key TEXT PRIMARY KEY, hash TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE sources (source TEXT PRIMARY KEY, statement TEXT NOT NULL, signature TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE incarnations (id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, trusted INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE memory (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
  CREATE TABLE outbox (seq INTEGER PRIMARY KEY, stateKey TEXT NOT NULL, record TEXT NOT NULL);
`,
  },
];

export const STATEMENTS = {
  putMeta: 'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  putItem: 'INSERT INTO items (hash, bytes) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING',
  deleteItem: 'DELETE FROM items WHERE hash = ?',
  putEntry:
    'INSERT INTO entries (source, key, hash) VALUES (?, ?, ?) ON CONFLICT (source, key) DO UPDATE SET hash = excluded.hash',
  deleteEntry: 'DELETE FROM entries WHERE source = ? AND key = ?',
  putRetained: 'INSERT INTO retained (key, hash) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET hash = excluded.hash',
  deleteRetained: 'DELETE FROM retained WHERE key = ?',
  putSource:
    'INSERT INTO sources (source, statement, signature) VALUES (?, ?, ?) ON CONFLICT (source) DO UPDATE SET statement = excluded.statement, signature = excluded.signature',
  putIncarnation:
    'INSERT INTO incarnations (id, ordinal, trusted) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET ordinal = excluded.ordinal, trusted = excluded.trusted',
  putMemory:
    'INSERT INTO memory (kind, key, value) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value',
  deleteMemory: 'DELETE FROM memory WHERE kind = ? AND key = ?',
  putRecord:
    'INSERT INTO outbox (seq, stateKey, record) VALUES (?, ?, ?) ON CONFLICT (seq) DO UPDATE SET stateKey = excluded.stateKey, record = excluded.record',
  deleteRecord: 'DELETE FROM outbox WHERE seq = ?',
  /** All but the last states of their keys. */
  forgetRecordsUpTo: "DELETE FROM outbox WHERE seq <= ? AND stateKey = ''",
  deleteRecordsUpTo: 'DELETE FROM outbox WHERE seq <= ?',
} as const;

export type RowOp = readonly [keyof typeof STATEMENTS, ...(readonly (string | number | Uint8Array)[])];

/** Everything there is, as read at start. Values are text, as they stand; whoever uses them parses them. */
export type LedgerRows = {
  readonly meta: readonly (readonly [name: string, value: string])[];
  readonly items: readonly (readonly [hash: string, bytes: Uint8Array])[];
  readonly entries: readonly (readonly [source: string, key: string, hash: string])[];
  readonly retained: readonly (readonly [key: string, hash: string])[];
  readonly sources: readonly (readonly [source: string, statement: string, signature: string])[];
  readonly incarnations: readonly (readonly [id: string, ordinal: number, trusted: number])[];
  readonly memory: readonly (readonly [kind: string, key: string, value: string])[];
  readonly outbox: readonly (readonly [seq: number, record: string])[];
};

export const LOADS: { readonly [Table in keyof LedgerRows]: string } = {
  meta: 'SELECT name, value FROM meta',
  items: 'SELECT hash, bytes FROM items',
  entries: 'SELECT source, key, hash FROM entries',
  retained: 'SELECT key, hash FROM retained',
  sources: 'SELECT source, statement, signature FROM sources',
  incarnations: 'SELECT id, ordinal, trusted FROM incarnations',
  memory: 'SELECT kind, key, value FROM memory',
  outbox: 'SELECT seq, record FROM outbox ORDER BY seq',
};
