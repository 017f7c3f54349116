import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { rfc3339 } from '#lib/time.ts';

/** Renames a database that can not be used, with its log, out of the way. Nothing is deleted. */
export type SetAside = { readonly path: string; readonly why: string };

const COMPANIONS = ['-wal', '-shm'] as const;
const NAMES_TRIED_MAX = 1_000;

/** Gives the new path; the log keeps its suffix, so that SQLite still finds it there. */
export function setAside(file: string, nowMs: number): string {
  const path = freeName(`${file}.broken-${rfc3339(nowMs).replaceAll(':', '-')}`);
  // The log first: should this be interrupted, no new database can meet an old log.
  for (const suffix of [...COMPANIONS, ''])
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${path}${suffix}`);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
  return path;
}

function freeName(base: string): string {
  for (let count = 1; count <= NAMES_TRIED_MAX; count += 1) {
    const name = count === 1 ? base : `${base}-${count}`;
    if (!['', ...COMPANIONS].some((suffix) => existsSync(`${name}${suffix}`))) return name;
  }
  throw new SkerryError('Exists', `set ${base} aside: ${NAMES_TRIED_MAX} files of that name exist; move them away`);
}
