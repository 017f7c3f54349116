import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import type { Progress } from '#net/download.ts';
import { performSteps } from '../file-steps.ts';
import type { Layout } from '../layout.ts';
import type { SummedFile } from '../release/release-files.ts';
import type { ReleaseSource } from '../release/release-source.ts';
import { unpack } from '../release/unpack.ts';
import { failureOf, type RunProgram } from '../run-program.ts';
import { canRun, putSlotSteps, removeSlotsBut } from '../slots.ts';

/**
 * Brings a release into its slot: fetched, summed, unpacked, tried out. Nothing that runs is changed by that, so it can be cut anywhere and
 * done again; a download goes on where it was.
 */
export type TakeOptions = {
  readonly layout: Layout;
  readonly source: ReleaseSource;
  readonly file: SummedFile;
  /** Slots that stay whatever happens. */
  readonly kept: readonly string[];
  readonly run: RunProgram;
  readonly progress: Progress;
  readonly say: (text: string) => void;
};

/** A packed executable and an unpacked one, and room for the machine to go on. */
export const FREE_BYTES_MIN = 300 * 1024 ** 2;
/** A board loads 115 MB from its card before the first line runs. */
const TRY_MS_MAX = 120_000;

export async function takeRelease(options: TakeOptions, signal: AbortSignal): Promise<void> {
  const { layout, source, file, kept, run, progress, say } = options;
  removeSlotsBut(layout, [...kept, file.version]);
  checkRoom(layout);
  mkdirSync(layout.download, { recursive: true, mode: 0o755 });
  say(`fetching ${file.name} from ${source.name}`);
  const packed = await source.large(file.name, progress, signal);
  const unpacked = join(layout.download, 'skerry');
  say(`unpacking and verifying ${file.name}`);
  try {
    await unpack(packed, file.sha256, unpacked, signal);
  } catch (error) {
    // A download of ours that is not what it should be is begun anew the next time.
    if (packed.startsWith(`${layout.download}/`) && error instanceof SkerryError && error.code === 'Unverified')
      rmSync(packed, { force: true });
    throw error;
  }
  say(`trying ${file.version} out on this machine, and its settings with it`);
  try {
    await tryOut(unpacked, file.version, layout, run, signal);
  } catch (error) {
    // A hundred megabytes that nobody goes on with.
    rmSync(unpacked, { force: true });
    throw error;
  }
  performSteps(putSlotSteps(layout, unpacked, file.version, 'move'));
  if (!canRun(layout, file.version)) throw new SkerryError('Bug', `put ${file.version} into its slot: it is not there`);
  rmSync(layout.download, { recursive: true, force: true });
}

/** Throws DiskFull. */
function checkRoom(layout: Layout): void {
  const { bavail, bsize } = statfsSync(layout.slots);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return;
  const [have, need] = [free, FREE_BYTES_MIN].map((bytes) => Math.floor(bytes / 1024 ** 2));
  throw new SkerryError('DiskFull', `make room for a release in ${layout.slots}: ${have} MB are free and ${need} MB are needed`);
}

/** On this machine, as it is: the right processor, the right libraries, the settings that it is to run with. */
async function tryOut(executable: string, version: string, layout: Layout, run: RunProgram, signal: AbortSignal): Promise<void> {
  const said = await run([executable, 'version', '--output', 'json'], TRY_MS_MAX, signal);
  const why = failureOf(said);
  if (why !== undefined) throw new SkerryError('BadRelease', `try ${version} out: it does not run on this machine: ${why}`);
  const release = releaseOf(said.type === 'ended' ? said.stdout : '');
  if (release !== version) throw new SkerryError('BadRelease', `try ${version} out: it calls itself ${release ?? 'nothing'}`);
  if (!existsSync(layout.config)) return;
  const looked = await run([executable, 'config', 'check', '--config', layout.config], TRY_MS_MAX, signal);
  const wrong = failureOf(looked);
  if (wrong === undefined) return;
  const problems = looked.type === 'ended' && looked.stdout.trim() !== '' ? looked.stdout.trim() : wrong;
  throw new SkerryError(
    'BadSettings',
    `check ${layout.config} with ${version}, which would run with it; nothing was changed: ${problems}`,
  );
}

function releaseOf(text: string): string | undefined {
  try {
    const facts: unknown = JSON.parse(text);
    return typeof facts === 'object' && facts !== null && 'release' in facts ? String(facts.release) : undefined;
  } catch {
    return undefined;
  }
}
