import { closeSync, existsSync, fchmodSync, fdatasyncSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { makePrivateFolder } from '#lib/durable-file.ts';
import { SkerryError, explain } from '#lib/error.ts';
import { EMPTY_FILE, planSchema, schemaMark, type SchemaMark } from '#lib/schema-steps.ts';
import { hasRoomForReserve, isFull, isReserveLow, makeReserve } from './reserve.ts';
import { APPLICATION_ID, LOADS, SCHEMA, STATEMENTS, type LedgerRows, type RowOp } from './rows.ts';
import type { LedgerFile } from './writer.ts';

/**
 * The file itself: opened, checked, read whole, written to. A file that fails its check is set aside under another name, never deleted,
 * and a new one takes its place: the server refills it, and containers run on meanwhile. One process has it at a time. What is
 * written here is not on the disk yet: when it comes there, and in which order, is synced-writer.ts.
 */
export type OpenFile = {
  readonly rows: LedgerRows;
  readonly setAside?: { readonly path: string; readonly why: string };
  /** For syncs. */
  readonly descriptors: { readonly file: number; readonly log: number; readonly folder: number };
  /** One transaction, all or nothing. Throws SQLite's error. */
  readonly write: (ops: readonly RowOp[]) => void;
  /** A transaction of a single page, so of a single frame of the log, that changes nothing. */
  readonly writeOnePage: () => void;
  /** Of the log, that are not in the file or were not when the log was last begun. */
  readonly logPages: () => number;
  /** Copies what is in the log into the file. The next transaction begins the log anew. */
  readonly moveLog: () => void;
  readonly keepLogUncut: () => void;
  /** With the next transaction, what is beyond LOG_BYTES_KEPT and not used is given back to the disk. */
  readonly letLogBeCut: () => void;
  readonly isReserveLow: () => boolean;
  readonly hasRoomForReserve: () => boolean;
  readonly makeReserve: () => void;
  /** Syncs on its own, whatever was under way, and holds the thread meanwhile. */
  readonly close: () => void;
};

const LOG_BYTES_KEPT = 1024 * 1024;
/** For an agent that is just ending. */
const BUSY_MS = 1_000;
const FILE_MODE = 0o600;
const DAMAGED = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_FORMAT']);
const COMPANIONS = ['', '-wal', '-shm', '-journal'];

/** Throws `LedgerTooNew`, `InUse` by another process, or `LedgerFailed` where the disk does not even let a new file be made. */
export function openLedgerFile(file: LedgerFile): OpenFile {
  const { path, stamp } = file;
  makePrivateFolder(dirname(path));
  try {
    return open(file);
  } catch (error) {
    if (!isDamaged(error)) throw ledgerError(`open the ledger ${path}`, error);
    const aside = setAside(path, stamp);
    try {
      return { ...open(file), setAside: { path: aside, why: explain(error) } };
    } catch (second) {
      throw ledgerError(`make a new ledger ${path}`, second);
    }
  }
}

/**
 * Descriptors. Of the file one of our own, from before SQLite has opened it until after SQLite has closed it: whoever closes any descriptor
 * of a file gives up all locks that the process has on it. On the log SQLite has none; it stays the same file until SQLite deletes it, closing.
 */
function open(from: LedgerFile): OpenFile {
  const { path } = from;
  const open: number[] = [];
  const descriptor = (name: string, flags: string) => {
    const opened = openSync(name, flags, FILE_MODE);
    open.push(opened);
    return opened;
  };
  const letGo = () => {
    for (const each of open.splice(0)) closeSync(each);
  };
  try {
    const folder = descriptor(dirname(path), 'r');
    const file = descriptor(path, 'a');
    // There are secrets in it; SQLite gives its companions the same mode.
    fchmodSync(file, FILE_MODE);
    const database = new Database(path, { timeout: BUSY_MS });
    try {
      const rows = prepare(database, from);
      const log = descriptor(`${path}-wal`, 'r');
      return { ...faceOf(database, rows), descriptors: { file, log, folder }, close: () => close(database, file, log, letGo) };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    letGo();
    throw error;
  }
}

/** Only what makes a file, or moves it to another schema, is written here, and synced by SQLite. */
function prepare(database: Database.Database, from: LedgerFile): LedgerRows {
  // Before the first access: two agents on one ledger would each go by half of it. Nor is there a file for the log's index then.
  database.pragma('locking_mode = EXCLUSIVE');
  database.pragma('synchronous = FULL');
  database.pragma('journal_mode = WAL');
  database.pragma('wal_autocheckpoint = 0');
  database.pragma('journal_size_limit = -1');
  check(database);
  database.transaction(() => moveOn(database, from)).immediate();
  const rows = load(database);
  database.pragma('synchronous = OFF');
  return rows;
}

function faceOf(database: Database.Database, rows: LedgerRows): Omit<OpenFile, 'descriptors' | 'close'> {
  const statements = new Map(Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]));
  const writeAll = database.transaction((ops: readonly RowOp[]) => {
    for (const [name, ...values] of ops) statements.get(name)?.run(...values);
  });
  const version = Number(database.pragma('user_version', { simple: true }));
  return {
    rows,
    write: (ops) => writeAll.immediate(ops),
    writeOnePage: () => void database.pragma(`user_version = ${version}`),
    // An array of one row, which SQLite documents: busy, frames in the log, frames that are in the file.
    logPages: () => (database.pragma('wal_checkpoint(NOOP)') as readonly [{ readonly log: number }])[0].log,
    moveLog: () => void database.pragma('wal_checkpoint(PASSIVE)'),
    keepLogUncut: () => void database.pragma('journal_size_limit = -1'),
    letLogBeCut: () => void database.pragma(`journal_size_limit = ${LOG_BYTES_KEPT}`),
    isReserveLow: () => isReserveLow(database),
    hasRoomForReserve: () => hasRoomForReserve(database),
    makeReserve: () => makeReserve(database),
  };
}

/** SQLite moves the log into the file, with its own syncs, and deletes it; what it takes for done is only written as yet. */
function close(database: Database.Database, file: number, log: number, letGo: () => void): void {
  fdatasyncSync(log);
  fdatasyncSync(file);
  database.pragma('synchronous = FULL');
  database.close();
  letGo();
}

function check(database: Database.Database): void {
  if (isEmpty(database)) return;
  if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    throw new SkerryError('LedgerDamaged', 'it is a database, but not a ledger');
  const verdict = String(database.pragma('integrity_check(1)', { simple: true }));
  if (verdict !== 'ok') throw new SkerryError('LedgerDamaged', `its integrity check says: ${verdict}`);
}

function moveOn(database: Database.Database, { path, steps = SCHEMA, onTrial = false }: LedgerFile): void {
  const found = isEmpty(database) ? EMPTY_FILE : readMark(database);
  const plan = planSchema(steps, found, onTrial);
  if (plan.type === 'too-new')
    throw new SkerryError(
      'LedgerTooNew',
      `open the ledger ${path}: it is of a later release (schema ${found.version}, for those that know ${found.usableFrom}; this one knows ${plan.known}); run that release, or move the file away`,
    );
  if (plan.steps.length === 0) return;
  for (const { sql } of plan.steps) database.exec(sql);
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.pragma(`user_version = ${plan.mark.version}`);
  database.prepare(STATEMENTS.putMeta).run('usableFrom', String(plan.mark.usableFrom));
}

function isEmpty(database: Database.Database): boolean {
  return database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
}

function readMark(database: Database.Database): SchemaMark {
  const version = Number(database.pragma('user_version', { simple: true }));
  return schemaMark(version, database.prepare("SELECT value FROM meta WHERE name = 'usableFrom'").pluck().get());
}

function load(database: Database.Database): LedgerRows {
  const rows = Object.entries(LOADS).map(([table, sql]) => [table, database.prepare(sql).raw().all()]);
  // The statements name these columns, and only this folder writes them.
  return Object.fromEntries(rows) as LedgerRows;
}

function setAside(path: string, stamp: string): string {
  let target = `${path}.damaged-${stamp}`;
  for (let copy = 2; existsSync(target); copy += 1) target = `${path}.damaged-${stamp}-${copy}`;
  for (const companion of COMPANIONS) {
    if (statSync(`${path}${companion}`, { throwIfNoEntry: false }) === undefined) continue;
    renameSync(`${path}${companion}`, `${target}${companion}`);
  }
  return target;
}

function isDamaged(error: unknown): boolean {
  if (error instanceof SkerryError) return error.code === 'LedgerDamaged';
  return (
    DAMAGED.has(sqliteCode(error)) ||
    sqliteCode(error).startsWith('SQLITE_CORRUPT_') ||
    /no such (table|column)/.test(explain(error))
  );
}

/** What the file's owner is told. */
export function ledgerError(what: string, error: unknown): SkerryError {
  if (error instanceof SkerryError && error.code === 'LedgerTooNew') return error;
  if (['SQLITE_BUSY', 'SQLITE_LOCKED'].includes(sqliteCode(error)))
    return new SkerryError('InUse', `${what}: another process has it open; stop that one, or use another data folder`);
  return new SkerryError(isFull(error) ? 'DiskFull' : 'LedgerFailed', what, { cause: error });
}

function sqliteCode(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}
