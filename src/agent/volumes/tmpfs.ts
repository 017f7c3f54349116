import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SkerryError } from '#lib/error.ts';

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
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const points = text.split('\n').map((line) => unescape(line.split(' ')[4] ?? ''));
  return points.filter((point) => point === folder || point.startsWith(`${folder}/`));
}

/** The kernel writes blanks and the like as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
