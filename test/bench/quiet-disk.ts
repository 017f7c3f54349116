import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';

/**
 * A disk as a board has one, for figures of memory: the kernel reads a file in pieces as large as the disk is told to read ahead, and counts them all to the process.
 * Virtual machines read ahead megabytes. A file system in a file, 128 KiB ahead, with nothing of it in memory yet.
 */
export type QuietDisk = {
  readonly folder: string;
  /** A copy, none of which is in memory. */
  readonly put: (file: string) => Promise<string>;
  readonly remove: () => Promise<void>;
};

const READ_AHEAD_SECTORS = '256';

export async function createQuietDisk(): Promise<QuietDisk> {
  const work = mkdtempSync(join(tmpdir(), 'quiet-disk-'));
  const [image, folder] = [join(work, 'image'), join(work, 'disk')];
  mkdirSync(folder);
  await run('truncate', ['-s', '600M', image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
  const device = (await run('losetup', ['-f', '--show', image])).trim();
  const mount = async () => {
    await run('mount', [device, folder]);
    await run('blockdev', ['--setra', READ_AHEAD_SECTORS, device]);
  };
  await mount();
  return {
    folder,
    put: async (file) => {
      const copy = join(folder, 'program');
      copyFileSync(file, copy);
      await run('umount', [folder]);
      await mount();
      return copy;
    },
    remove: async () => {
      await run('umount', [folder]);
      await run('losetup', ['-d', device]);
      rmSync(work, { recursive: true });
    },
  };
}
