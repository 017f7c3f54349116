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

/** Half of it is used, that is: the ledger has grown. */
export function isReserveLow(database: Database.Database): boolean {
  return Number(database.pragma('freelist_count', { simple: true })) < RESERVE_PAGES / 2;
}

export function hasRoomForReserve(database: Database.Database): boolean {
  const { bavail, bsize } = statfsSync(database.name);
  return bavail * bsize >= ROOM_BYTES;
}

/** The free pages are in the file only once the log has been moved there. */
export function makeReserve(database: Database.Database): void {
  const pageBytes = Number(database.pragma('page_size', { simple: true }));
  // Two transactions: pages that are freed by the one that took them are never written.
  database.transaction(() => {
    database.exec('DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (bytes BLOB)');
    database.prepare('INSERT INTO reserve VALUES (zeroblob(?))').run(RESERVE_PAGES * pageBytes);
  })();
  database.exec('DROP TABLE reserve');
}

export function isFull(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === 'SQLITE_FULL';
}

/** Of the disk, and no bug. */
export function isOfDisk(error: unknown): boolean {
  return error instanceof Database.SqliteError || (error instanceof Error && 'syscall' in error);
}
