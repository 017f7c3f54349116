import { constants, copyFileSync, openSync, closeSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SkerryError } from './error.ts';

/**
 * A copy of an SQLite database (write-ahead log mode) that another process has open exclusively, so that SQLite itself would refuse to read it.
 * It takes no lock and writes nothing beside the original; the owner does not notice. Never to be called in the owner's own process: there the
 * closing of the file would end its locks (fcntl's rule).
 */
export const COPY_BYTES_MAX = 128 * 1024 ** 2;
const TRIES = 5;
/** Magic, page size, checkpoint count and salts: changes whenever the log begins anew (SQLite's file format, §4.1). */
const LOG_HEADER_BYTES = 32;

/** Gives the copy's path in `folder`. Throws NotFound, TooLarge, DiskError, or Busy where the owner writes without a pause. */
export function copyDatabase(file: string, folder: string): string {
  const copy = join(folder, basename(file));
  try {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const before = mark(file);
      if (before === undefined) throw new SkerryError('NotFound', `copy ${file}: it is not there`);
      if (before.bytes > COPY_BYTES_MAX)
        throw new SkerryError('TooLarge', `copy ${file}: it is larger than ${COPY_BYTES_MAX / 1024 ** 2} MiB`);
      copyFileSync(file, copy, constants.COPYFILE_FICLONE);
      if (before.log !== '') copyFileSync(`${file}-wal`, `${copy}-wal`);
      // The log may have grown meanwhile, which harms nothing: it is read up to its last whole commit.
      if (mark(file)?.text === before.text) return copy;
    }
  } catch (cause) {
    throw cause instanceof SkerryError ? cause : new SkerryError('DiskError', `copy ${file}`, { cause });
  }
  throw new SkerryError('Busy', `copy ${file}: it is written to without a pause`);
}

/** Changes when pages are moved from the log into the file, or the log begins anew; undefined where there is no file. */
function mark(file: string): { readonly text: string; readonly log: string; readonly bytes: number } | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  if (found === undefined) return undefined;
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
  const header = log === undefined ? '' : headerOf(`${file}-wal`);
  return {
    text: `${found.ino} ${found.size} ${found.mtimeNs} ${header}`,
    log: header,
    bytes: Number(found.size) + (log?.size ?? 0),
  };
}

function headerOf(log: string): string {
  const handle = openSync(log, 'r');
  try {
    const bytes = Buffer.alloc(LOG_HEADER_BYTES);
    return bytes.subarray(0, readSync(handle, bytes, 0, LOG_HEADER_BYTES, 0)).toString('hex');
  } finally {
    closeSync(handle);
  }
}
