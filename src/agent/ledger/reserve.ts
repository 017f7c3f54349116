import Database from 'better-sqlite3';

/**
 * Room that the ledger keeps for itself, so that a node whose disk is full can still say so, count its restarts and take what it is told:
 * free pages inside the file, and a log that is long enough already. Neither needs the disk to give anything.
 */
export const RESERVE_PAGES = 64;

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
    if (!(error instanceof Database.SqliteError)) throw error;
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
  const pageBytes = Number(database.pragma('page_size', { simple: true }));
  // Two transactions: pages that are freed by the one that took them are never written.
  database.transaction(() => {
    database.exec('DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (bytes BLOB)');
    database.prepare('INSERT INTO reserve VALUES (zeroblob(?))').run(RESERVE_PAGES * pageBytes);
  })();
  database.exec('DROP TABLE reserve');
  startLogAnew(database);
}
