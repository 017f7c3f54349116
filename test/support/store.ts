import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openStore, type Store, type StoreOptions } from '../../src/server/store/store.ts';

/** A store in memory, objects frozen, commits inline; each option may be replaced. */
export function openTestStore(options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({
    file: ':memory:',
    firstStart: true,
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
    freeze: true,
    ...options,
  });
}

/** The committer's thread as tests start it: straight from the sources. */
export function spawnTestWorker(role: 'committer', data: unknown): Worker {
  return new Worker(new URL('./worker-entry.ts', import.meta.url), { workerData: { role, data } });
}

/** A folder that is gone after `run`, whatever happens in it. */
export async function withFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-store-'));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
