import { existsSync, renameSync, rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import type { ClusterNetwork } from '#api/cluster-network.ts';
import { SkerryError } from '#lib/error.ts';
import { EMPTY_FILE, planSchema, schemaMark, type SchemaMark, type SchemaStep } from '#lib/schema-steps.ts';

/**
 * The database file as its one writer sees it: the only file here that speaks SQL to it (look.ts reads it once, before). Blocking: in the
 * server it lives in a worker. It knows rows and bytes; revisions, preconditions and watches are decided elsewhere.
 */
export type Database = {
  /** All of the group is on the disk when this returns; none of it if it throws. */
  readonly write: (group: Group) => void;
  /** Gives up to VACUUM_PAGES_MAX free pages back to the file system, if there are enough to be worth the wear. True: there is more. */
  readonly vacuum: () => boolean;
  /** A copy of the last committed state in a new file, marked so that a server started on it takes a new incarnation. */
  readonly backup: (file: string, signal: AbortSignal) => Promise<void>;
  /** Marks the stop as clean. */
  readonly close: () => void;
};

/** Upserts and deletes in order, then meta rows. Writing a group twice is the same as once. */
export type Group = { readonly rows: readonly RowChange[]; readonly meta: Meta };

/** `value`, the object's JSON, undefined: the row goes. */
export type RowChange = {
  readonly key: string;
  readonly revision: number;
  readonly uid: string;
  readonly value: string | undefined;
};

/** What is remembered beside the objects. */
export type Meta = {
  readonly cluster?: string;
  readonly incarnation?: string;
  readonly confirmed?: 'yes' | 'no';
  /** The revision with which the incarnation began. */
  readonly since?: number;
  /** No revision above this was ever given. */
  readonly reserved?: number;
  readonly stop?: 'clean' | 'running' | 'backup';
} & Partial<ClusterNetwork>;

export type DatabaseOptions = {
  readonly file: string;
  readonly bytesMax?: number;
  /** This release may yet be taken back: what the one before needs stays. */
  readonly onTrial?: boolean;
  /** Another schema than this release's, for tests. */
  readonly steps?: readonly SchemaStep[];
};

/** "Skry": tells our file from any other SQLite database. */
export const APPLICATION_ID = 0x536b7279;
/** As etcd's recommended maximum; an edge cluster holds some ten megabytes. */
export const DATABASE_BYTES_MAX = 8 * 1024 ** 3;
const PAGE_BYTES = 4_096;
/** 16 MB of log before it is folded into the database: the same pages are then written once instead of many times. */
const CHECKPOINT_PAGES = 4_000;
const LOG_BYTES_MAX = 32 * 1024 ** 2;
const CACHE_KIB = 4_096;
const VACUUM_PAGES_MAX = 256;
/** Fewer free pages than this, or than a quarter of the file, will be used again soon enough. */
const VACUUM_PAGES_MIN = 1_024;
const BACKUP_STEP_PAGES = 256;

/** A new step is added at the end; those that were released never change. */
export const SCHEMA: readonly SchemaStep[] = [
  {
    version: 1,
    kind: 'additive',
    sql: `
  CREATE TABLE object (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, uid TEXT NOT NULL, value BLOB NOT NULL);
  CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;`,
  },
];

const UPSERT = `
  INSERT INTO object (key, revision, uid, value) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, uid = excluded.uid, value = excluded.value`;

/** Opens the file for writing and keeps every other process out; makes the tables in an empty one. Throws InUse or DiskFailed. */
export function connect(options: DatabaseOptions): Database {
  const { file } = options;
  const db = attempt('open', file, () => {
    const opened = new Sqlite(file, { timeout: 0 });
    try {
      prepareFile(opened, options);
    } catch (error) {
      opened.close();
      throw error;
    }
    return opened;
  });
  const upsert = db.prepare(UPSERT);
  const remove = db.prepare('DELETE FROM object WHERE key = ?');
  const remember = db.prepare(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const writeGroup = db.transaction((group: Group) => {
    for (const { key, revision, uid, value } of group.rows) {
      if (value === undefined) remove.run(key);
      else upsert.run(key, revision, uid, Buffer.from(value));
    }
    for (const [name, value] of Object.entries(group.meta)) remember.run(name, value);
  });
  return {
    write: (group) => attempt('write to', file, () => writeGroup.immediate(group)),
    vacuum: () => attempt('vacuum', file, () => vacuum(db)),
    backup: (copy, signal) => backup(db, file, copy, signal),
    close: () => attempt('close', file, () => close(db, writeGroup)),
  };
}

/** Any failure of SQLite's as ours; `details.sqlite` is its code, `SQLITE_FULL` and the like. */
export function diskError(step: string, file: string, error: unknown): SkerryError {
  if (error instanceof SkerryError) return error;
  const sqlite = error instanceof Sqlite.SqliteError ? error.code : undefined;
  if (sqlite === 'SQLITE_BUSY' || sqlite === 'SQLITE_LOCKED')
    return new SkerryError('InUse', `${step} ${file}: another process has it open; stop that one, or use another data folder`);
  return new SkerryError('DiskFailed', `${step} ${file}`, { cause: error, details: sqlite === undefined ? {} : { sqlite } });
}

function attempt<T>(step: string, file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw diskError(step, file, error);
  }
}

function prepareFile(db: Sqlite.Database, options: DatabaseOptions): void {
  const { bytesMax = DATABASE_BYTES_MAX } = options;
  // Exclusive before the first access: no second server on this file, and the log's index stays off the disk.
  db.pragma('locking_mode = EXCLUSIVE');
  // These two hold only if they come before the first page is written.
  db.pragma(`page_size = ${PAGE_BYTES}`);
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  db.pragma(`journal_size_limit = ${LOG_BYTES_MAX}`);
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma(`max_page_count = ${Math.ceil(bytesMax / PAGE_BYTES)}`);
  db.transaction(() => moveOn(db, options)).immediate();
}

function moveOn(db: Sqlite.Database, { file, steps = SCHEMA, onTrial = false }: DatabaseOptions): void {
  const plan = planSchema(steps, readMark(db), onTrial);
  if (plan.type === 'too-new') throw schemaTooNew(file, readMark(db), plan.known);
  if (plan.steps.length === 0) return;
  for (const { sql } of plan.steps) db.exec(sql);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.pragma(`user_version = ${plan.mark.version}`);
  db.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('usableFrom', ?)").run(plan.mark.usableFrom);
}

export function readMark(db: Sqlite.Database): SchemaMark {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version === 0) return EMPTY_FILE;
  return schemaMark(version, db.prepare("SELECT value FROM meta WHERE name = 'usableFrom'").pluck().get());
}

export function schemaTooNew(file: string, { version, usableFrom }: SchemaMark, known: number): SkerryError {
  return new SkerryError(
    'SchemaTooNew',
    `open ${file}: its schema is version ${version}, for releases that know version ${usableFrom}, and this one knows up to ${known}; run the release that wrote it, or a newer one`,
  );
}

function vacuum(db: Sqlite.Database): boolean {
  const free = () => Number(db.pragma('freelist_count', { simple: true }));
  const worthIt = (pages: number) => pages >= VACUUM_PAGES_MIN && pages * 4 >= Number(db.pragma('page_count', { simple: true }));
  if (!worthIt(free())) return false;
  db.pragma(`incremental_vacuum(${VACUUM_PAGES_MAX})`);
  return worthIt(free());
}

async function backup(db: Sqlite.Database, file: string, copy: string, signal: AbortSignal): Promise<void> {
  if (existsSync(copy)) throw new SkerryError('Exists', `back up ${file} to ${copy}: that file exists; choose another name`);
  const partial = `${copy}.partial`;
  try {
    rmSync(partial, { force: true });
    await db.backup(partial, {
      progress: () => {
        signal.throwIfAborted();
        return BACKUP_STEP_PAGES;
      },
    });
    markAsBackup(partial);
    if (!signal.aborted) renameSync(partial, copy);
  } catch (error) {
    if (!signal.aborted) throw diskError('back up', `${file} to ${copy}`, error);
  }
  // Only an abort leaves one.
  rmSync(partial, { force: true });
}

/** Also makes one plain file of it, without a log. */
function markAsBackup(file: string): void {
  const made = new Sqlite(file);
  try {
    made.pragma('journal_mode = DELETE');
    made.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('stop', 'backup')").run();
  } finally {
    made.close();
  }
}

function close(db: Sqlite.Database, writeGroup: (group: Group) => void): void {
  if (!db.open) return;
  try {
    writeGroup({ rows: [], meta: { stop: 'clean' } });
  } finally {
    db.close();
  }
}
