import type { EngineReply } from '#install/engine-get.ts';
import type { Ran } from '#install/run-program.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import type { ServerProbe } from './probe-server.ts';

/** All that the doctor sees of the world, as it is lent to checks: nothing here throws, since what can not be seen is a fact too. */
export type Outside = {
  readonly read: (path: string) => Promise<Reading>;
  /** The last whole lines of a file, `bytes` of it at most. */
  readonly readEnd: (path: string, bytes: number) => Promise<Reading>;
  /** Names in a folder; none where it is not there or not to be read. */
  readonly list: (path: string) => Promise<readonly string[]>;
  readonly exists: (path: string) => Promise<boolean>;
  /** Where a symbolic link points, as it is written. */
  readonly linkTarget: (path: string) => Promise<string | undefined>;
  readonly space: (path: string) => Promise<Space | undefined>;
  /** Never through a shell, with a fixed search path and no environment but that. */
  readonly run: (argv: readonly string[], signal: AbortSignal) => Promise<Ran>;
  readonly engineGet: (socketPath: string, path: string, signal: AbortSignal) => Promise<EngineReply>;
  readonly probeServer: (ask: ProbeAsk, signal: AbortSignal) => Promise<ServerProbe>;
  /** Writes and syncs a small file again and again within limits, and removes it. */
  readonly timeSyncs: (folder: string, signal: AbortSignal) => Promise<SyncTimes>;
  readonly machine: MachineFacts;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly ids: Ids;
};

export type Reading =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'absent' }
  | { readonly type: 'denied' };

export type Space = {
  readonly bytes: number;
  readonly bytesFree: number;
  /** 0 where the file system does not count them. */
  readonly inodes: number;
  readonly inodesFree: number;
};

export type ProbeAsk = {
  readonly host: string;
  readonly port: number;
  readonly proxy?: Proxy;
};

export type SyncTimes =
  | { readonly type: 'measured'; readonly eachMs: readonly number[] }
  | { readonly type: 'failed'; readonly code: string; readonly why: string };

export type MachineFacts = {
  /** Of this program, as Node names it: x64, arm64. */
  readonly programArch: string;
  /** Of the kernel, as uname names it: x86_64, aarch64, armv7l. */
  readonly kernelArch: string;
  readonly kernelRelease: string;
  readonly memoryBytes: number;
  readonly isRoot: boolean;
  readonly pid: number;
  readonly hostname: string;
};

/** What a file holds, or an empty text. */
export async function textOf(reading: Promise<Reading>): Promise<string> {
  const read = await reading;
  return read.type === 'text' ? read.text : '';
}

/** What a program printed if it ended well. */
export function outputOf(ran: Ran): string | undefined {
  return ran.type === 'ended' && ran.code === 0 ? ran.stdout : undefined;
}
