import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

/**
 * A log in a file, for machines without a journal: LOG_FILE_BYTES_MAX at most, and as much again of what was before, as FILE.1. What can not be written
 * to it (the disk is full, the folder is gone) goes to `otherwise`, and the file is tried again with the next line: a log ends no process.
 * Nothing is synced: a line that a power cut takes is worth less than the flash it would wear.
 */
export const LOG_FILE_BYTES_MAX = 10 * 1024 * 1024;

export function logFileWriter(
  file: string,
  otherwise: (line: string) => void,
  bytesMax = LOG_FILE_BYTES_MAX,
): (line: string) => void {
  let handle: number | undefined;
  /** The last line was cut by a disk that had no room for the rest. */
  let isTorn = false;

  const reopen = (): number => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
    handle = openSync(file, 'a', 0o600);
    return handle;
  };

  /** Open, and with room for so many bytes more. */
  const ready = (bytes: number): number => {
    const open = handle ?? reopen();
    const { size, ino, dev } = fstatSync(open);
    // Of a device or a pipe the size is 0, so that nothing of /dev is ever renamed.
    if (size === 0 || size + bytes <= bytesMax) return open;
    const named = statSync(file, { throwIfNoEntry: false });
    // Another process of ours, or an operator, was faster.
    const isStillIt = named?.ino === ino && named.dev === dev;
    if (isStillIt && !tried(() => renameSync(file, `${file}.1`))) ftruncateSync(open, 0);
    return reopen();
  };

  return (line) => {
    try {
      const bytes = Buffer.from(isTorn ? `\n${line}` : line);
      const open = ready(bytes.length);
      const written = writeSync(open, bytes);
      isTorn = written < bytes.length || (isTorn && written === 0);
      if (written < bytes.length) otherwise(line);
    } catch {
      otherwise(line);
    }
  };
}

function tried(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
