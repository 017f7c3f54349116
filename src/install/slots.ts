import { accessSync, constants, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { performSteps, type FileStep } from './file-steps.ts';
import { layoutIn, type Layout } from './layout.ts';
import { isVersion } from './version.ts';

/**
 * The slots: a folder per version with the executable in it, and `current`, a symbolic link to the one that runs. What to do is data
 * (`…Steps`), so that tests cut it off anywhere; the functions beside it do it. Which release is on trial is trial.ts, who starts it `launch`.
 */
const EXECUTABLE = 'skerry';
const EXECUTABLE_MODE = 0o755;
const FOLDER_MODE = 0o755;

export function slotFolder(layout: Layout, version: string): string {
  if (!isVersion(version)) throw new SkerryError('Invalid', `name a slot: ${JSON.stringify(version)} is no version of a release`);
  return join(layout.slots, version);
}

export function slotExecutable(layout: Layout, version: string): string {
  return join(slotFolder(layout, version), EXECUTABLE);
}

/** `how`: `move` takes the file away, and needs one on the same file system. Whole or not at all: its name appears when its bytes are on the disk. */
export function putSlotSteps(
  layout: Layout,
  executable: string,
  version: string,
  how: 'copy' | 'move' = 'copy',
): readonly FileStep[] {
  const folder = slotFolder(layout, version);
  const beside = join(folder, `${EXECUTABLE}.new`);
  return [
    { do: 'folder', path: layout.lib, mode: FOLDER_MODE },
    { do: 'folder', path: layout.slots, mode: FOLDER_MODE },
    { do: 'folder', path: folder, mode: FOLDER_MODE },
    { do: 'sync-folder', path: dirname(layout.lib) },
    { do: 'sync-folder', path: layout.lib },
    { do: 'sync-folder', path: layout.slots },
    ...(how === 'copy'
      ? ([{ do: 'copy', from: executable, to: beside, mode: EXECUTABLE_MODE }] as const)
      : ([
          { do: 'sync-file', path: executable, mode: EXECUTABLE_MODE },
          { do: 'rename', from: executable, to: beside },
        ] as const)),
    { do: 'rename', from: beside, to: join(folder, EXECUTABLE) },
    { do: 'sync-folder', path: folder },
  ];
}

/** Throws DiskError. The folder above `layout.lib` has to exist. */
export function putSlot(layout: Layout, executable: string, version: string, how: 'copy' | 'move' = 'copy'): void {
  performSteps(putSlotSteps(layout, executable, version, how));
}

/** A relative link, so that it also holds in a system that is being prepared under another root. */
export function setCurrentSteps(layout: Layout, version: string): readonly FileStep[] {
  const beside = `${layout.current}.new`;
  return [
    { do: 'symlink', target: relative(layout.lib, slotFolder(layout, version)), path: beside },
    { do: 'rename', from: beside, to: layout.current },
    { do: 'sync-folder', path: layout.lib },
  ];
}

/** Throws NotFound where that slot has no executable, else DiskError. */
export function setCurrent(layout: Layout, version: string): void {
  if (!canRun(layout, version))
    throw new SkerryError('NotFound', `switch to ${version}: there is no executable ${slotExecutable(layout, version)}`);
  performSteps(setCurrentSteps(layout, version));
}

/** The version that `current` names, whether or not it can be run. */
export function currentVersion(layout: Layout): string | undefined {
  try {
    const version = basename(readlinkSync(layout.current));
    return isVersion(version) ? version : undefined;
  } catch {
    // None, or no link: not installed, or not by us.
    return undefined;
  }
}

/** Those with an executable. */
export function slotVersions(layout: Layout): readonly string[] {
  return slotFolders(layout).filter((version) => canRun(layout, version));
}

function slotFolders(layout: Layout): readonly string[] {
  try {
    return readdirSync(layout.slots).filter(isVersion);
  } catch {
    return [];
  }
}

export function canRun(layout: Layout, version: string): boolean {
  const executable = slotExecutable(layout, version);
  try {
    accessSync(executable, constants.X_OK);
    const { size } = statSync(executable);
    return size > 0;
  } catch {
    return false;
  }
}

export function removeSlotsBut(layout: Layout, kept: readonly string[]): void {
  const removed = slotFolders(layout).filter((version) => !kept.includes(version));
  if (removed.length === 0) return;
  performSteps([
    ...removed.map((version): FileStep => ({ do: 'remove', path: slotFolder(layout, version) })),
    { do: 'sync-folder', path: layout.slots },
  ]);
}

export type InstalledSlot = { readonly layout: Layout; readonly version: string };

/** Where a running executable is installed, by its path; undefined for one that was started from anywhere else. */
export function installedSlot(executable: string): InstalledSlot | undefined {
  const real = realPath(executable);
  const version = basename(dirname(real));
  if (!isVersion(version)) return undefined;
  // lib/slots/<version>/skerry, and lib is usr/local/lib/skerry below the root.
  const lib = dirname(dirname(dirname(real)));
  const layout = layoutIn(join(lib, '../../../..'));
  return real === join(layout.slots, version, EXECUTABLE) ? { layout, version } : undefined;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Removed under the running process: its name still says where it was.
    return path.replace(/ \(deleted\)$/, '');
  }
}
