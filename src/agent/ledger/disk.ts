import { fdatasync } from 'node:fs';
import type { SkerryError } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';

/** What the ledger's writer asks of the machine: tests and the simulator have disks of their own. */
export type Disk = {
  /** Resolves when all that was written through any descriptor of that file before the call is on the disk. Must not hold the main loop. */
  readonly sync: (descriptor: number) => Promise<void>;
  /** Nobody knows what is on the disk any more. The process must end without SQLite closing the file: it would go on moving pages. */
  readonly lost: (error: SkerryError) => void;
  /** Calls `act` when the process ends in any way but by a signal; the returned function takes that back. */
  readonly atExit: (act: () => void) => () => void;
};

/** The kernel's, by way of libuv's threads. */
export function systemDisk(log: Log): Disk {
  return {
    sync: (descriptor) =>
      new Promise((resolve, reject) => fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)))),
    lost: (err) => {
      log.error({ err }, 'the disk did not keep what the ledger wrote; the agent ends at once, to read again what is there');
      process.kill(process.pid, 'SIGKILL');
    },
    atExit: (act) => {
      process.on('exit', act);
      return () => void process.off('exit', act);
    },
  };
}
