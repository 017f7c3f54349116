import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import type { Downloads, Progress } from '#net/download.ts';
import { parseReleaseFile } from './release-files.ts';

/** Where a release is taken from: a folder, a file in one, or a base URL under which its files are. Nothing of it is trusted here. */
export type ReleaseSource = {
  /** For people. */
  readonly name: string;
  /** The version that was named by naming a file. */
  readonly version: string | undefined;
  /** A small file of it. Throws NotFound and what reading throws. */
  readonly small: (name: string, signal: AbortSignal) => Promise<Uint8Array>;
  /** Gives the path of a large one: where it lies, or where it was downloaded to. */
  readonly large: (name: string, progress: Progress, signal: AbortSignal) => Promise<string>;
};

/** Sums and signature. */
const SMALL_BYTES_MAX = 64 * 1024;
/** A packed executable has about 42 MB. */
export const PACKED_BYTES_MAX = 200 * 1024 ** 2;

/** `from`: what the user gave. `folder`: where downloads are kept, also broken-off ones. */
export function releaseSource(from: string, folder: string, downloads: Downloads): ReleaseSource {
  return /^https?:\/\//i.test(from) ? urlSource(from, folder, downloads) : folderSource(resolve(from));
}

function urlSource(from: string, folder: string, downloads: Downloads): ReleaseSource {
  if (!URL.canParse(from)) throw new SkerryError('Usage', `take a release from ${from}: that is no URL`);
  const url = new URL(from);
  const last = parseReleaseFile(decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1)));
  const base = last === undefined ? `${url.origin}${url.pathname.replace(/\/*$/, '/')}` : new URL('.', url).href;
  const login = url.username === '' ? '' : `${url.username}:${url.password}@`;
  const urlOf = (name: string) => `${base.replace('://', `://${login}`)}${encodeURIComponent(name)}${url.search}`;
  return {
    name: base,
    version: last?.version,
    small: (name, signal) => downloads.bytes(urlOf(name), SMALL_BYTES_MAX, signal),
    large: async (name, progress, signal) => {
      const file = join(folder, name);
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      // Of another version: nobody goes on with it.
      for (const other of readdirSync(folder)) if (other !== name) rmSync(join(folder, other), { recursive: true, force: true });
      await downloads.toFile(urlOf(name), file, PACKED_BYTES_MAX, progress, signal);
      return file;
    },
  };
}

function folderSource(path: string): ReleaseSource {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new SkerryError('NotFound', `take a release from ${path}: there is no such file or folder`);
  const named = found.isDirectory() ? undefined : parseReleaseFile(basename(path));
  if (!found.isDirectory() && named === undefined)
    throw new SkerryError(
      'Usage',
      `take a release from ${path}: a release's executable is called skerry-VERSION-linux-ARCH.gz, with SHA256SUMS and SHA256SUMS.sig beside it`,
    );
  const folder = named === undefined ? path : dirname(path);
  return {
    name: folder,
    version: named?.version,
    small: (name) => readSmall(join(folder, name)),
    large: async (name) => {
      const file = join(folder, name);
      if (statSync(file, { throwIfNoEntry: false }) === undefined) throw notThere(file);
      return file;
    },
  };
}

async function readSmall(file: string): Promise<Uint8Array> {
  try {
    await using handle = await open(file);
    const buffer = Buffer.alloc(SMALL_BYTES_MAX + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      ({ bytesRead: read } = await handle.read(buffer, length, buffer.length - length));
    if (length > SMALL_BYTES_MAX) throw new SkerryError('BadRelease', `read ${file}: it has more than ${SMALL_BYTES_MAX} bytes`);
    return buffer.subarray(0, length);
  } catch (cause) {
    if (cause instanceof SkerryError) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') throw notThere(file);
    throw new SkerryError('DiskError', `read ${file}`, { cause });
  }
}

function notThere(file: string): SkerryError {
  return new SkerryError('NotFound', `read ${file}: there is no such file`);
}
