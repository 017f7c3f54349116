import { SkerryError } from '#lib/error.ts';
import type { Disk } from './disk.ts';
import { ledgerError, openLedgerFile, type OpenFile } from './ledger-file.ts';
import { isFull, isOfDisk } from './reserve.ts';
import type { RowOp } from './rows.ts';
import type { LedgerWriter, OpenLedgerWriter } from './writer.ts';

/**
 * The ledger's SQL in the main thread, its syncs beside it: SQLite itself syncs nothing (synchronous=OFF), so that a transaction is a few
 * writes to the page cache, and a disk that takes seconds delays acknowledgements but neither DNS nor probes. One thing at a time; many
 * commits become one transaction in node-ledger.ts. What SQLite's own syncs would have kept in order is kept in order here:
 *
 * 1. A write is acknowledged after a sync of the log that began after it. Nothing is written while one is under way.
 * 2. A page is copied into the file only once every frame of the log is on the disk: a copy that is torn is whole in the log.
 * 3. The log is begun anew only once the file is on the disk: what is overwritten there is whole in the file.
 * 4. A log that is begun anew begins with one single frame, and nothing follows before that is on the disk, nor is the log cut. Else frames further
 *    on might get there before the new header, and what is left of the old log before them, older pages, would be read as good
 *    (https://sqlite.org/src/info/ff5be73dee). Of one frame and a header there is no such part: the old log is good up to its end, or from its start not.
 * 5. The names of file and log are on the disk before anything is acknowledged.
 * 6. SQLite never closes the file by itself, which would move the log and delete it unsynced: at the process's exit we do (OpenFile.close).
 *
 * A sync that fails leaves unknown what is on the disk, also when the next one succeeds: nothing is acknowledged after it, ever.
 */
export function ledgerWriter(disk: Disk): OpenLedgerWriter {
  return async (where) => {
    const file = openLedgerFile(where);
    const writer = new SyncedWriter(file, where.path, disk);
    await writer.prepare();
    const face: LedgerWriter = {
      write: (ops) => writer.write(ops),
      close: () => writer.close(),
      closeNow: () => writer.closeNow(),
    };
    return { writer: face, rows: file.rows, ...(file.setAside === undefined ? {} : { setAside: file.setAside }) };
  };
}

/** Pages of log before they are moved into the file: few, since a ledger is small and a card wears; each of them is written once then, however often it has changed. */
const LOG_PAGES = 256;

class SyncedWriter {
  private readonly file: OpenFile;
  private readonly path: string;
  private readonly disk: Disk;
  private last: Promise<void> = Promise.resolve();
  /** The next transaction may be the first of its log. */
  private logIsNew = true;
  /** Frames were written since the log was synced. */
  private logIsDirty = true;
  private ended: SkerryError | undefined;
  private leaveExit: () => void = () => undefined;

  constructor(file: OpenFile, path: string, disk: Disk) {
    this.file = file;
    this.path = path;
    this.disk = disk;
  }

  /** What a process that was killed has written may never have been synced. */
  async prepare(): Promise<void> {
    this.leaveExit = this.disk.atExit(() => this.closeNow());
    await this.sync('folder');
    await this.sync('log');
    try {
      await this.makeReserve();
    } catch (error) {
      // Without room for a reserve the ledger goes on without; what else the disk says, the next write will hear.
      if (this.ended !== undefined || !isOfDisk(error)) throw error;
    }
  }

  write(ops: readonly RowOp[]): Promise<void> {
    const written = this.last.then(() => this.commit(ops));
    this.last = written.then(
      () => this.tidy(),
      () => undefined,
    );
    return written;
  }

  close(): Promise<void> {
    this.last = this.last.then(() => this.closeNow());
    return this.last;
  }

  closeNow(): void {
    if (this.ended !== undefined) return;
    this.ended = new SkerryError('LedgerFailed', `write to the ledger ${this.path}: it is closed`);
    this.leaveExit();
    try {
      this.file.close();
    } catch (error) {
      this.disk.lost(this.failed(error));
    }
  }

  private async commit(ops: readonly RowOp[]): Promise<void> {
    if (this.ended !== undefined) throw this.ended;
    if (ops.length === 0) return;
    const write = () => this.append(() => this.file.write(ops));
    try {
      await write().catch(async (error: unknown) => {
        if (!isFull(error)) throw error;
        await this.makeRoom();
        await write();
      });
    } catch (error) {
      throw this.ended ?? ledgerError(`write to the ledger ${this.path}`, error);
    }
  }

  /** After the acknowledgement, which none of this has to do with. */
  private async tidy(): Promise<void> {
    try {
      if (this.file.isReserveLow()) await this.makeReserve();
      if (this.file.logPages() >= LOG_PAGES) await this.moveLog();
    } catch (error) {
      if (this.ended === undefined && !isOfDisk(error)) throw error;
    }
  }

  /** A log that begins anew needs no more. */
  private async makeRoom(): Promise<void> {
    try {
      await this.moveLog();
    } catch (error) {
      if (this.ended !== undefined || !isOfDisk(error)) throw error;
    }
  }

  private async makeReserve(): Promise<void> {
    if (!this.file.hasRoomForReserve()) return;
    await this.append(() => this.file.makeReserve());
    await this.moveLog();
  }

  private async append(transaction: () => void): Promise<void> {
    if (this.logIsNew) {
      this.logIsDirty = true;
      this.file.writeOnePage();
      await this.sync('log');
      this.file.letLogBeCut();
      this.logIsNew = false;
    }
    this.logIsDirty = true;
    transaction();
    await this.sync('log');
  }

  /** Throws if the disk has no room for it: then the log goes on growing. */
  private async moveLog(): Promise<void> {
    if (this.logIsDirty) await this.sync('log');
    this.file.keepLogUncut();
    this.logIsNew = true;
    try {
      this.file.moveLog();
    } finally {
      await this.sync('file');
    }
  }

  private async sync(what: keyof OpenFile['descriptors']): Promise<void> {
    try {
      await this.disk.sync(this.file.descriptors[what]);
    } catch (error) {
      if (this.ended !== undefined) throw this.ended;
      this.ended = this.failed(error);
      this.leaveExit();
      this.disk.lost(this.ended);
    }
    if (this.ended !== undefined) throw this.ended;
    if (what === 'log') this.logIsDirty = false;
  }

  private failed(cause: unknown): SkerryError {
    return new SkerryError('LedgerFailed', `sync the ledger ${this.path}: what of it is on the disk is unknown`, { cause });
  }
}
