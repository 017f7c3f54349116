import { mkdir, stat, writeFile } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { configError } from '../render/config-error.ts';

/** hostPath volumes: what must be there is checked, what may be made is made (upstream: pkg/volume/hostpath). */
const CHECKS: Readonly<Record<string, { readonly is: (stats: Stats) => boolean; readonly noun: string }>> = {
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), noun: 'a directory' },
  Directory: { is: (stats) => stats.isDirectory(), noun: 'a directory' },
  FileOrCreate: { is: (stats) => stats.isFile(), noun: 'a file' },
  File: { is: (stats) => stats.isFile(), noun: 'a file' },
  Socket: { is: (stats) => stats.isSocket(), noun: 'a socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), noun: 'a character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), noun: 'a block device' },
};

export async function prepareHostPath(path: string, type: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) {
    // As upstream: the file is made, the folder that it is to be in is not.
    if (type === 'FileOrCreate') return writeFile(path, '', { mode: 0o644 });
    // Without a type nothing is checked, and what is missing is made, as container runtimes do.
    if (type !== '' && type !== 'DirectoryOrCreate')
      throw configError(`hostPath type check failed: ${path} is not ${CHECKS[type]?.noun ?? type}`);
    await mkdir(path, { recursive: true, mode: 0o755 });
    return;
  }
  const check = CHECKS[type];
  if (check !== undefined && !check.is(stats)) throw configError(`hostPath type check failed: ${path} is not ${check.noun}`);
}
