import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A folder of files that changes all at once under whoever reads it: the files are in a folder named by their content, `..data` points to it, and
 * each visible name points into `..data` (the layout of upstream's AtomicWriter, which programs know). The same content changes nothing.
 */
export type FolderFile = { readonly path: string; readonly content: Uint8Array; readonly mode: number; readonly uid?: number };

const DATA = '..data';

/** Of two files at one path the last counts: several sources of a projected volume may have the same key. */
export async function writeAtomicFolder(folder: string, all: readonly FolderFile[], gid: number | undefined): Promise<void> {
  const files = [...new Map(all.map((file) => [file.path, file])).values()];
  await makeReadableFolder(folder);
  const version = `..${hashOf(files, gid)}`;
  const isThere = (await readlink(join(folder, DATA)).catch(() => '')) === version;
  // A power cut can keep the names and lose the bytes: looked at again, for syncing every file would wear the disk.
  if (!isThere || !(await isWhole(join(folder, version), files))) {
    await writeVersion(folder, version, files, gid);
    const link = join(folder, '..data_tmp');
    await rm(link, { force: true });
    await symlink(version, link);
    await rename(link, join(folder, DATA));
  }
  await linkNames(folder, version, files);
}

/** For containers of any user, whatever the umask says. */
async function makeReadableFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

/** `a/b/c` → `a`, `a/b` */
function foldersOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

async function isWhole(folder: string, files: readonly FolderFile[]): Promise<boolean> {
  for (const { path, content } of files) {
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    if (bytes?.equals(content) !== true) return false;
  }
  return true;
}

async function writeVersion(
  folder: string,
  version: string,
  files: readonly FolderFile[],
  gid: number | undefined,
): Promise<void> {
  const staged = join(folder, '..staged');
  await rm(staged, { recursive: true, force: true });
  await makeReadableFolder(staged);
  for (const { path, content, mode, uid } of files) {
    const target = join(staged, path);
    for (const below of foldersOf(path)) await makeReadableFolder(join(staged, below));
    await writeFile(target, content, { mode: 0o600 });
    if (gid !== undefined || uid !== undefined) await chown(target, uid ?? 0, gid ?? 0);
    // After the chown, which would take bits away; not masked by umask.
    await chmod(target, gid === undefined ? mode : mode | 0o440);
  }
  await rm(join(folder, version), { recursive: true, force: true });
  await rename(staged, join(folder, version));
}

/** Visible names to what there is now; names and versions that are no longer meant go. */
async function linkNames(folder: string, version: string, files: readonly FolderFile[]): Promise<void> {
  const wanted = new Set(files.map(({ path }) => path.split('/')[0] ?? path));
  const present = await readdir(folder);
  for (const name of wanted) {
    if (!present.includes(name)) await symlink(join(DATA, name), join(folder, name));
  }
  for (const name of present) {
    const isOld = name.startsWith('..') ? name !== DATA && name !== version : !wanted.has(name);
    if (isOld) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function hashOf(files: readonly FolderFile[], gid: number | undefined): string {
  const hash = createHash('sha256').update(String(gid));
  for (const { path, content, mode, uid } of files)
    hash.update(JSON.stringify([path, mode, content.length, ...(uid === undefined ? [] : [uid])])).update(content);
  return hash.digest('hex').slice(0, 24);
}
