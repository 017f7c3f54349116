import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SkerryError } from './error.ts';

/** Small files that must survive a power cut whole or not at all: written beside, synced, renamed, folder synced. Synchronous: for starts, not for loops. */
export function writeDurableFile(file: string, content: string | Uint8Array, mode = 0o600): void {
  const beside = `${file}.new`;
  try {
    const handle = openSync(beside, 'w', mode);
    try {
      const bytes = Buffer.from(content);
      for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    // A file of that name may be left over with another mode.
    chmodSync(beside, mode);
    renameSync(beside, file);
    syncFolder(dirname(file));
  } catch (cause) {
    throw new SkerryError('DiskError', `write ${file}`, { cause });
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
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  // A file is only there after a power cut if every folder on the way to it is.
  syncFolder(dirname(folder));
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
