import { chmod, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The file that each attempt of a container may leave its last words in, bind-mounted at its terminationMessagePath. */
const MESSAGE_BYTES_MAX = 4096;
const ANYBODY_WRITES = 0o666;

/** Makes the attempt's file and gives its path. Of older attempts only the one before is kept: a container may crash for months. */
export async function makeMessageFile(folder: string, attempt: number): Promise<string> {
  const path = join(folder, String(attempt));
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await (await open(path, 'a', ANYBODY_WRITES)).close();
  // Whatever the umask says.
  await chmod(path, ANYBODY_WRITES);
  const old = (await readdir(folder)).filter((name) => Number(name) < attempt - 1);
  for (const name of old) await rm(join(folder, name), { force: true });
  return path;
}

/** The end of what was left, however long that is; '' if there is nothing. */
export async function readMessage(path: string): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, MESSAGE_BYTES_MAX));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
