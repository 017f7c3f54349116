import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { OpenLedgerWriter } from '../../src/agent/ledger/writer.ts';
import { testLedgerWriter } from '../support/ledger-writer.ts';
import { sleep, type Clock } from '../../src/lib/clock.ts';
import { SkerryError } from '../../src/lib/error.ts';
import type { Committer } from '../../src/server/store/committer.ts';
import { silence, type Life } from '../support/fake-host.ts';

/** What a disk does to whoever writes: it may be full, slow, or see its process die in the middle of a write. */
export type Disk = {
  full: boolean;
  slowMs: number;
  /** The process dies with the next write, of which this share has come to the disk: 0 nothing, 1 all, with nobody told. */
  doom: number | undefined;
};

export const healthyDisk = (): Disk => ({ full: false, slowMs: 0, doom: undefined });

type Door = {
  readonly disk: Disk;
  readonly life: Life;
  readonly clock: Clock;
  /** The database; its last bytes are in its log. */
  readonly file: string;
  readonly die: () => void;
};

async function write({ disk, life, clock, file, die }: Door, work: () => Promise<void>, full: () => Error): Promise<void> {
  if (disk.slowMs > 0) await sleep(clock, disk.slowMs, new AbortController().signal);
  if (!life.alive) return silence();
  const { doom } = disk;
  if (doom === undefined) {
    if (disk.full) throw full();
    return await work();
  }
  const before = readDatabase(file);
  if (doom > 0) await work();
  if (doom < 1) tear(file, before, doom);
  die();
  return silence();
}

/**
 * What of the last write came to the disk: that share of what it changed in the log. What it changed in the database itself it did after
 * the whole log was safe.
 */
function tear(file: string, before: Files, share: number): void {
  const after = readDatabase(file);
  if (!after[''].equals(before[''])) return;
  const [old, log] = [before['-wal'], after['-wal']];
  const first = log.findIndex((byte, index) => byte !== old[index]);
  if (first === -1) return;
  const last = log.findLastIndex((byte, index) => byte !== old[index]);
  const cut = first + Math.floor((last + 1 - first) * share);
  writeDatabase(file, { ...after, '-wal': Buffer.concat([log.subarray(0, cut), old.subarray(cut)]) });
}

export function faultyCommitter(door: Door): (committer: Committer) => Committer {
  const full = () => new SkerryError('DiskFailed', 'write to the disk', { details: { sqlite: 'SQLITE_FULL' } });
  return (committer) => ({ ...committer, commit: (group) => write(door, () => committer.commit(group), full) });
}

export function faultyLedgerWriter(door: Omit<Door, 'file'>): OpenLedgerWriter {
  const full = () => new SkerryError('DiskFull', 'write to the ledger: the disk is full');
  return async (file) => {
    const opened = await testLedgerWriter()(file);
    const { writer } = opened;
    const whole = { ...door, file: file.path };
    return { ...opened, writer: { ...writer, write: (ops) => write(whole, () => writer.write(ops), full) } };
  };
}

/** A database and its log. */
export type Files = Readonly<Record<'' | '-wal', Buffer>>;

/** As it lies on the disk this moment, while its process may have it open. */
export function readDatabase(file: string): Files {
  const read = (path: string) => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
  return { '': read(file), '-wal': read(`${file}-wal`) };
}

export function writeDatabase(file: string, files: Files): void {
  rmSync(`${file}-wal`, { force: true });
  rmSync(`${file}-shm`, { force: true });
  writeFileSync(file, files['']);
  if (files['-wal'].length > 0) writeFileSync(`${file}-wal`, files['-wal']);
}

export function copyDatabase(from: string, to: string): void {
  writeDatabase(to, readDatabase(from));
}
