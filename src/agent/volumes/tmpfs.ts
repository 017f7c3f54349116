import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SkerryError } from '#lib/error.ts';
import { isBelow, readMounts } from './mountinfo.ts';

/** Mounts of memory, by the system's own mount command, for Node has no call for it. */
export type Tmpfs = {
  /** Mounts memory at a folder, unless it is mounted already. */
  readonly mount: (folder: string, sizeBytes: number, mode: string) => Promise<void>;
  /** Takes away every mount at or below a folder; gives where they were. */
  readonly unmountAll: (folder: string) => Promise<readonly string[]>;
};

const COMMAND_MS_MAX = 10_000;

export function createTmpfs(): Tmpfs {
  const run = promisify(execFile);
  const command = async (what: string, file: string, args: readonly string[]) => {
    try {
      await run(file, [...args], { timeout: COMMAND_MS_MAX });
    } catch (error) {
      throw new SkerryError('MountFailed', `${what}: ${file} failed`, { cause: error });
    }
  };
  return {
    mount: async (folder, sizeBytes, mode) => {
      if ((await mountsBelow(folder)).includes(folder)) return;
      const options = [`mode=${mode}`, 'nosuid', 'nodev', `size=${sizeBytes}`];
      await command(`mount memory at ${folder}`, 'mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', folder]);
    },
    unmountAll: async (folder) => {
      // Innermost first. Lazy: a process that still looks into it must not keep the pod from going.
      const mounts = (await mountsBelow(folder)).toReversed();
      for (const path of mounts) await command(`unmount ${path}`, 'umount', ['-l', path]);
      return mounts;
    },
  };
}

async function mountsBelow(folder: string): Promise<readonly string[]> {
  const mounts = await readMounts('self');
  return mounts.map(({ point }) => point).filter((point) => isBelow(point, folder));
}
