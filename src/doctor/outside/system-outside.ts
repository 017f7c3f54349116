import { constants } from 'node:fs';
import { access, open, readFile, readdir, readlink, stat, statfs } from 'node:fs/promises';
import { hostname, machine, release, totalmem } from 'node:os';
import { engineGet } from '#install/engine-get.ts';
import { programRunner } from '#install/run-program.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Outside, Reading } from './outside.ts';
import { probeServer } from './probe-server.ts';
import { timeSyncs } from './time-syncs.ts';

/** The real world, for checks and for the support file. */
export function systemOutside(lent: {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Outside {
  const { clock, ids, environment } = lent;
  const run = programRunner(environment);
  return {
    read: (path) => reading(readFile(path, 'utf8')),
    readEnd: (path, bytes) => reading(readEnd(path, bytes)),
    list: (path) => readdir(path).catch(() => []),
    exists: (path) =>
      access(path, constants.F_OK).then(
        () => true,
        () => false,
      ),
    linkTarget: (path) => readlink(path).catch(() => undefined),
    space: (path) =>
      statfs(path).then(
        ({ blocks, bsize, bavail, files, ffree }) => ({
          bytes: blocks * bsize,
          bytesFree: bavail * bsize,
          inodes: files,
          inodesFree: ffree,
        }),
        () => undefined,
      ),
    run: (argv, signal) => run(argv, RUN_MS_MAX, signal),
    engineGet: (socketPath, path, signal) => engineGet(socketPath, path, clock, signal),
    probeServer: (ask, signal) => probeServer(ask, clock, signal),
    timeSyncs: (folder, signal) => timeSyncs(folder, lent, signal),
    machine: {
      programArch: process.arch,
      kernelArch: machine(),
      kernelRelease: release(),
      memoryBytes: totalmem(),
      isRoot: process.geteuid?.() === 0,
      pid: process.pid,
      hostname: hostname(),
    },
    environment,
    clock,
    ids,
  };
}

/** For a journal on a slow card; whoever asks has a limit of their own. */
const RUN_MS_MAX = 30_000;
const DENIED = new Set(['EACCES', 'EPERM']);

/** A file that can not be read for any other reason is as good as none. */
async function reading(text: Promise<string>): Promise<Reading> {
  try {
    return { type: 'text', text: await text };
  } catch (error) {
    const isDenied = error instanceof Error && 'code' in error && DENIED.has(String(error.code));
    return isDenied ? { type: 'denied' } : { type: 'absent' };
  }
}

async function readEnd(path: string, bytes: number): Promise<string> {
  const { size } = await stat(path);
  const handle = await open(path, 'r');
  try {
    const length = Math.min(size, bytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const end = buffer.subarray(0, bytesRead).toString('utf8');
    // Half a line can not be read as what it was.
    return length < size ? end.slice(end.indexOf('\n') + 1) : end;
  } finally {
    await handle.close();
  }
}
