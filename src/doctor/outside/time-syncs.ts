import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { SyncTimes } from './outside.ts';

/** How long a disk takes until a small write is safe: what every commit of the store and the ledger waits for. The file is removed again. */
const SYNCS_MAX = 20;
const BLOCK_BYTES = 4_096;
/** In all; a card that is slower than that has shown enough. */
const ALL_MS_MAX = 2_000;

export async function timeSyncs(
  folder: string,
  { clock, ids }: { readonly clock: Clock; readonly ids: Ids },
  signal: AbortSignal,
): Promise<SyncTimes> {
  const file = join(folder, `.skerry-doctor-${ids.suffix(8)}`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      return { type: 'measured', eachMs: await measure(handle, clock, signal) };
    } finally {
      await handle.close();
      await unlink(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return { type: 'failed', code, why: error instanceof Error ? error.message : String(error) };
  }
}

async function measure(handle: Awaited<ReturnType<typeof open>>, clock: Clock, signal: AbortSignal): Promise<readonly number[]> {
  const block = Buffer.alloc(BLOCK_BYTES, 's');
  const eachMs: number[] = [];
  const deadline = clock.monotonic() + ALL_MS_MAX;
  for (let count = 0; count < SYNCS_MAX && clock.monotonic() < deadline && !signal.aborted; count += 1) {
    const from = clock.monotonic();
    await handle.write(block, 0, BLOCK_BYTES, count * BLOCK_BYTES);
    await handle.sync();
    eachMs.push(clock.monotonic() - from);
  }
  return eachMs;
}
