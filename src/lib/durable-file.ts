import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SkerryError } from './error.ts';

/** Small files that must survive a power cut whole or not at all: written beside, synced, renamed, folder synced. Synchronous: for starts, not for loops. */
export function writeDurableFile(file: string, content: string | Uint8Array, mode = 0o600): void {
  const beside = `${file}.new`;
  try {
    writeSynced(beside, content, mode);
    renameSync(beside, file);
    syncFolder(dirname(file));
  } catch (cause) {
    throw new SkerryError('DiskError', `write ${file}`, { cause });
  }
}

/** The same where none is there yet; gives what the file holds, which another process may have made in the same moment. */
export function createDurableFile(file: string, content: string, mode = 0o600): string {
  const beside = `${file}.${process.pid}.new`;
  try {
    writeSynced(beside, content, mode);
    try {
      linkSync(beside, file);
    } catch (error) {
      if (!isThere(error)) throw error;
      return readFileSync(file, 'utf8');
    } finally {
      unlinkSync(beside);
    }
    syncFolder(dirname(file));
    return content;
  } catch (cause) {
    throw new SkerryError('DiskError', `create ${file}`, { cause });
  }
}

/** Takes it away for good: after a power cut it is not there again. That there is none is no failure. */
export function removeDurableFile(file: string): void {
  try {
    unlinkSync(file);
    syncFolder(dirname(file));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    throw new SkerryError('DiskError', `delete ${file}`, { cause });
  }
}

/** Undefined if there is none; any other failure is thrown, as code DiskError. */
export function readFileIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new SkerryError('DiskError', `read ${file}`, { cause });
  }
}

/** With all above it that is missing, as lasting as the files in it are to be, and only ours to read. */
export function makePrivateFolder(folder: string): void {
  try {
    makeFolder(resolve(folder));
    chmodSync(folder, 0o700);
  } catch (cause) {
    throw new SkerryError('DiskError', `make the folder ${folder}`, { cause });
  }
}

/** Not mkdir's own `recursive`: that goes round for ever where a file system has no such folder and makes none, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process of ours was faster.
    if (!isThere(error)) throw error;
  }
  // A file is only there after a power cut if every folder on the way to it is.
  syncFolder(dirname(folder));
}

/** So that what was made, renamed or removed in it stays so. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeSynced(file: string, content: string | Uint8Array, mode: number): void {
  const handle = openSync(file, 'w', mode);
  try {
    const bytes = Buffer.from(content);
    for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  // A file of that name may be left over with another mode.
  chmodSync(file, mode);
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
