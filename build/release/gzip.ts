import { copyFileSync, rmSync } from 'node:fs';
import { run } from '../../scripts/lab/exec.ts';

/**
 * Writes `file` as it is downloaded to `packed`, whose name ends in .gz. By gzip itself: what Node's zlib makes of the executable is 1.3 MB larger at its best.
 * The same bytes each time: nothing of the file's name or time is inside.
 */
export async function gzipFile(file: string, packed: string): Promise<void> {
  const plain = packed.replace(/\.gz$/, '');
  copyFileSync(file, plain);
  rmSync(packed, { force: true });
  await run('gzip', ['-9', '--no-name', plain]);
}
