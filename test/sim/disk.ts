import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { OpenLedgerWriter } from '../../src/agent/ledger/writer.ts';
import { openInlineWriter } from '../../src/agent/ledger/inline-writer.ts';
import { sleep, type Clock } from '../../src/lib/clock.ts';
import { SkerryError } from '../../src/lib/error.ts';
import type { Committer } from '../../src/server/store/committer.ts';
import type { Life } from '../support/fake-host.ts';

/** What a disk does to whoever writes: it may be full, slow, or see its process die right before or right after a write. */
export type Disk = {
  full: boolean;
  slowMs: number;
  /** The process dies with the next write: before it took place, or after, with nobody told. */
  doom: 'before' | 'after' | undefined;
};

export const healthyDisk = (): Disk => ({ full: false, slowMs: 0, doom: undefined });

const NEVER = new Promise<never>(() => undefined);
const never = new AbortController().signal;

async function write(
  disk: Disk,
  life: Life,
  clock: Clock,
  die: () => void,
  work: () => Promise<void>,
  full: () => Error,
): Promise<void> {
  if (disk.slowMs > 0) await sleep(clock, disk.slowMs, never);
  if (!life.alive) return NEVER;
  const { doom } = disk;
  if (doom === 'before') {
    die();
    return NEVER;
  }
  if (disk.full) throw full();
  await work();
  if (doom !== 'after') return undefined;
  die();
  return NEVER;
}

export function faultyCommitter(disk: Disk, life: Life, clock: Clock, die: () => void): (committer: Committer) => Committer {
  const full = () => new SkerryError('DiskFailed', 'write to the disk', { details: { sqlite: 'SQLITE_FULL' } });
  return (committer) => ({
    ...committer,
    commit: (group) => write(disk, life, clock, die, () => committer.commit(group), full),
  });
}

export function faultyLedgerWriter(disk: Disk, life: Life, clock: Clock, die: () => void): OpenLedgerWriter {
  const full = () => new SkerryError('DiskFull', 'write to the ledger: the disk is full');
  return async (file) => {
    const opened = await openInlineWriter(file);
    const { writer } = opened;
    return { ...opened, writer: { ...writer, write: (ops) => write(disk, life, clock, die, () => writer.write(ops), full) } };
  };
}

/** A database as it lies on the disk this moment, while its process may have it open. */
export function copyDatabase(from: string, to: string): void {
  for (const companion of ['', '-wal']) {
    rmSync(`${to}${companion}`, { force: true });
    if (existsSync(`${from}${companion}`)) copyFileSync(`${from}${companion}`, `${to}${companion}`);
  }
}
