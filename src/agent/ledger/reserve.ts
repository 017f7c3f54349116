import { statfsSync } from 'node:fs';
import Database from 'better-sqlite3';

/**
 * Room that the ledger keeps for itself, so that a node whose disk is full can still say so, count its restarts and take what it is told:
 * free pages inside the file, and a log that is long enough already. Neither needs the disk to give anything.
 */
export const RESERVE_PAGES = 64;
/**
 * Of the disk, for a reserve to be made at all. On a disk that is all but full the file would grow in its log alone: a log that can not go into
 * the file can not begin anew either, and nothing could be written any more.
 */
const ROOM_BYTES = 1024 ** 2;

/** At a start, for the log is new then. Without room for a reserve the ledger goes on without; what else the disk says, the next write will hear. */
export function makeReserve(database: Database.Database): void {
  despiteDisk(() => make(database));
}

/** Makes it again once half of it is used, that is once the ledger has grown. What was written before is on the disk, whatever becomes of this. */
export function keepReserve(database: Database.Database): void {
  despiteDisk(() => {
    if (Number(database.pragma('freelist_count', { simple: true })) < RESERVE_PAGES / 2) make(database);
  });
}

function despiteDisk(act: () => void): void {
  try {
    act();
  } catch (error) {
    const isOfDisk = error instanceof Database.SqliteError || (error instanceof Error && 'syscall' in error);
    if (!isOfDisk) throw error;
  }
}

export function isFull(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === 'SQLITE_FULL';
}

/** What is in the log goes into the file, and the log is written from its beginning again: it grows no further. */
export function startLogAnew(database: Database.Database): void {
  database.pragma('wal_checkpoint(RESTART)');
}

function make(database: Database.Database): void {
  const { bavail, bsize } = statfsSync(database.name);
  if (bavail * bsize < ROOM_BYTES) return;
  const pageBytes = Number(database.pragma('page_size', { simple: true }));
  // Two transactions: pages that are freed by the one that took them are never written.
  database.transaction(() => {
    database.exec('DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (bytes BLOB)');
    database.prepare('INSERT INTO reserve VALUES (zeroblob(?))').run(RESERVE_PAGES * pageBytes);
  })();
  database.exec('DROP TABLE reserve');
  startLogAnew(database);
}
