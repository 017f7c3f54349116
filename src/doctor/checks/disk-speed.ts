import type { SyncTimes } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';
import { nearest } from './disk.ts';

/** How long a small write takes until it would survive a power cut. Every commit waits for one. */
export type DiskSpeedFacts = { readonly folder: string; readonly times: SyncTimes };

/** A good card takes 5 to 20 ms, an SSD less than 2. */
const SLOW_MS = 50;
/** A pod's start is some four commits of its node. */
const TOO_SLOW_MS = 500;

export async function gatherDiskSpeed({ outside, asked }: Scene, signal: AbortSignal): Promise<DiskSpeedFacts> {
  const folder = await nearest(outside, asked.dataDir);
  return { folder, times: await outside.timeSyncs(folder, signal) };
}

export function judgeDiskSpeed({ folder, times }: DiskSpeedFacts): readonly Verdict[] {
  if (times.type === 'failed') return [failed(folder, times)];
  const middle = median(times.eachMs);
  if (middle === undefined) return [unknown(`${folder}: not measured`)];
  const told = `a synced write to ${folder} takes ${tidy(middle)} ms (median of ${times.eachMs.length}, at most ${tidy(Math.max(...times.eachMs))} ms)`;
  if (middle < SLOW_MS) return [ok(told)];
  if (middle < TOO_SLOW_MS) return [warning(`${told}: pods start later, and the server takes few writes`, CARD)];
  return [problem(`${told}: a card or disk like that is worn out or broken`, CARD)];
}

const CARD =
  'Use a card of application class A2, an eMMC or an SSD, and move the data there (--data-dir). A card that has become slow is wearing out: replace it.';

function failed(folder: string, { code, why }: Extract<SyncTimes, { readonly type: 'failed' }>): Verdict {
  if (code === 'EACCES' || code === 'EPERM')
    return unknown(`${folder} is not ours to write to: not measured`, 'Run it as root: sudo skerry doctor');
  if (code === 'ENOSPC') return problem(`${folder} takes no more: ${why}`, 'Make room; see the check "disk".');
  if (code === 'EROFS') return problem(`${folder} is read-only: ${why}`, 'See the check "disk".');
  return problem(`${folder} can not be written to: ${why}`, 'See what the kernel says of the disk: dmesg | tail -n 50');
}

/** The greater of the two in the middle. */
function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const tidy = (ms: number): string => (ms < 10 ? ms.toFixed(1) : String(Math.round(ms)));
