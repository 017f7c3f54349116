import { chmodSync, closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { makePrivateFolder } from '#lib/durable-file.ts';
import { SkerryError, explain } from '#lib/error.ts';
import { EMPTY_FILE, planSchema, schemaMark, type SchemaMark } from '#lib/schema-steps.ts';
import { isFull, keepReserve, makeReserve, startLogAnew } from './reserve.ts';
import { APPLICATION_ID, LOADS, SCHEMA, STATEMENTS, type LedgerRows, type RowOp } from './rows.ts';
import type { LedgerFile } from './writer.ts';

/**
 * The file itself: opened, checked, read whole, written to. A file that fails its check is set aside under another name, never deleted,
 * and a new one takes its place: the server refills it, and containers run on meanwhile. synchronous=FULL: what was committed
 * survives a power cut, so that a seq once sent is never given out a second time. One process has it at a time.
 */
export type OpenFile = {
  readonly rows: LedgerRows;
  readonly setAside?: { readonly path: string; readonly why: string };
  readonly write: (ops: readonly RowOp[]) => void;
  readonly close: () => void;
};

/** Pages of write-ahead log before they are moved into the file: few, since a ledger is small and a card wears. */
const WAL_PAGES = 256;
const WAL_BYTES_KEPT = 1024 * 1024;
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
    if (!isDamaged(error)) throw failed(`open the ledger ${path}`, error);
    const aside = setAside(path, stamp);
    try {
      return { ...open(file), setAside: { path: aside, why: explain(error) } };
    } catch (second) {
      throw failed(`make a new ledger ${path}`, second);
    }
  }
}

function open(file: LedgerFile): OpenFile {
  const { path } = file;
  makePrivate(path);
  const database = new Database(path, { timeout: BUSY_MS });
  try {
    // Before the first access: two agents on one ledger would each go by half of it.
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma(`wal_autocheckpoint = ${WAL_PAGES}`);
    database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
    check(database);
    database.transaction(() => moveOn(database, file)).immediate();
    const rows = load(database);
    const statements = new Map(Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]));
    const writeAll = database.transaction((ops: readonly RowOp[]) => {
      for (const [name, ...values] of ops) statements.get(name)?.run(...values);
    });
    makeReserve(database);
    return {
      rows,
      write: (ops) => {
        try {
          if (!withRoom(() => writeAll.immediate(ops))) {
            startLogAnew(database);
            writeAll.immediate(ops);
          }
        } catch (error) {
          throw failed(`write to the ledger ${path}`, error);
        }
        keepReserve(database);
      },
      close: () => void database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** False: the disk is full, and nothing was done. */
function withRoom(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (isFull(error)) return false;
    throw error;
  }
}

/** There are secrets in it; SQLite gives its companions the same mode. */
function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', FILE_MODE));
  chmodSync(path, FILE_MODE);
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

function failed(what: string, error: unknown): SkerryError {
  if (error instanceof SkerryError && error.code === 'LedgerTooNew') return error;
  if (['SQLITE_BUSY', 'SQLITE_LOCKED'].includes(sqliteCode(error)))
    return new SkerryError('InUse', `${what}: another process has it open; stop that one, or use another data folder`);
  return new SkerryError(isFull(error) ? 'DiskFull' : 'LedgerFailed', what, { cause: error });
}

function sqliteCode(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}
