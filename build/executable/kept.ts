import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What is slow to make is kept under a hash of all that it is made of, so it is made once and never out of date. */
const KEPT = join(import.meta.dirname, '../../node_modules/.cache/executable');

export type Progress = (what: string) => void;

/** A folder made by `make` from nothing but `inputs`. Half a folder is never found: it gets its name when it is whole. */
export async function kept(
  name: string,
  inputs: readonly (string | Buffer)[],
  make: (folder: string) => Promise<void>,
  say: Progress,
): Promise<string> {
  const folder = join(KEPT, `${name}-${hashOf(inputs)}`);
  if (existsSync(folder)) return folder;
  say(`making ${name}`);
  const unfinished = `${folder}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  try {
    await make(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function hashOf(inputs: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(`${input.length}:`).update(input);
  return hash.digest('hex').slice(0, 16);
}
