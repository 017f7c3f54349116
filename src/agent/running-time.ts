import type { Clock } from '#lib/clock.ts';
import type { Memory, MemoryChange } from './ledger/ledger.ts';

/**
 * How long this node has been running, over restarts of the agent and over reboots: what deadlines and back-offs count. Within one boot it is exact (the kernel's
 * uptime bridges the agent's absence); over a power cut at most what was not written since is lost. Never the wall clock.
 */
export type RunningTime = {
  readonly nowMs: () => number;
  /** The row to commit with the next commit, if it is due. */
  readonly due: (atMost?: number) => MemoryChange | undefined;
};

export type Boot = { readonly id: string; readonly uptimeMs: number };

type Row = { readonly bootId: string; readonly uptimeMs: number; readonly runningMs: number };

const KIND = 'clock';
const KEY = 'running';
/** Written along with other things at most this often. */
export const RUNNING_TIME_WRITE_MS = 10_000;

/** `boot` as read when the process began; the clock's monotonic time counts on from there. */
export function createRunningTime(clock: Pick<Clock, 'monotonic'>, boot: Boot, memory: () => Memory): RunningTime {
  const row = readRow(memory());
  const sameBoot = row?.bootId === boot.id;
  const startMs = (row?.runningMs ?? 0) + (sameBoot ? Math.max(0, boot.uptimeMs - (row?.uptimeMs ?? 0)) : 0);
  const startedMs = clock.monotonic();
  const nowMs = () => startMs + clock.monotonic() - startedMs;
  return {
    nowMs,
    due: (everyMs = RUNNING_TIME_WRITE_MS) => {
      const runningMs = Math.round(nowMs());
      // As the disk has it: a commit may have failed.
      const written = readRow(memory());
      if (written?.bootId === boot.id && runningMs - written.runningMs < everyMs) return undefined;
      const uptimeMs = Math.round(boot.uptimeMs + clock.monotonic() - startedMs);
      return { kind: KIND, key: KEY, value: { bootId: boot.id, uptimeMs, runningMs } };
    },
  };
}

/** False where the machine was started since this node last wrote anything: what ran then does not. */
export function isSameBoot(boot: Pick<Boot, 'id'>, memory: Memory): boolean {
  return readRow(memory)?.bootId === boot.id;
}

function readRow(memory: Memory): Row | undefined {
  const value = memory.rows(KIND).get(KEY);
  // Written by `due` alone; one that is not whole counts as none.
  const row = value as unknown as Row | undefined;
  return typeof row?.bootId === 'string' && Number.isFinite(row.runningMs) && Number.isFinite(row.uptimeMs) ? row : undefined;
}
