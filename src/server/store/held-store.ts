import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { SkerryError } from '#lib/error.ts';
import { diskError } from './database.ts';

/** A server's data while no server runs on it, and none can: for what is done to it from outside. Changes nothing in it. */

/** Below the server's data folder; one process has it at a time. */
export const storeFile = (dataDir: string): string => join(dataDir, 'server', 'state.db');

/** Throws InUse where a server runs. `release`: harmless when it is done twice. */
export function holdStore(dataDir: string): { readonly release: () => void } {
  const file = storeFile(dataDir);
  // Without a file nobody holds anything; SQLite would make one.
  if (!existsSync(file)) return { release: () => undefined };
  let db: Sqlite.Database | undefined;
  try {
    db = new Sqlite(file, { fileMustExist: true, timeout: 0 });
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE; ROLLBACK');
  } catch (cause) {
    db?.close();
    // What is no database, or can not be read, is held by no server.
    if (diskError('hold', file, cause).code !== 'InUse') return { release: () => undefined };
    throw new SkerryError(
      'InUse',
      `hold the server in ${dataDir}: it is running; stop it first: \`systemctl stop skerry-server\`, or end the process`,
    );
  }
  const held = db;
  return { release: () => void held.close() };
}
