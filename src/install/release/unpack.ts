import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { SkerryError } from '#lib/error.ts';

/** An executable has about 115 MB. */
export const EXECUTABLE_BYTES_MAX = 400 * 1024 ** 2;

/**
 * Unpacks into `to` while it takes the sum of what it reads, in one pass, so that what was summed is what was unpacked. Where it throws
 * (BadRelease, Unverified with another sum, DiskFull) there is no `to`.
 */
export async function unpack(packed: string, sha256: string, to: string, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  let length = 0;
  try {
    await pipeline(
      createReadStream(packed),
      async function* summed(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createGunzip(),
      async function* bounded(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          length += chunk.length;
          if (length > EXECUTABLE_BYTES_MAX)
            throw new SkerryError('BadRelease', `unpack ${packed}: it becomes more than ${EXECUTABLE_BYTES_MAX} bytes`);
          yield chunk;
        }
      },
      createWriteStream(to, { mode: 0o755 }),
      { signal },
    );
    const found = hash.digest('hex');
    if (found !== sha256) throw otherSum(packed, sha256, found);
  } catch (cause) {
    rmSync(to, { force: true });
    throw failure(packed, to, cause, signal);
  }
}

function otherSum(packed: string, expected: string, found: string): SkerryError {
  return new SkerryError('Unverified', `verify ${packed}: its SHA-256 is ${found}, and the release says ${expected}`);
}

function failure(packed: string, to: string, cause: unknown, signal: AbortSignal): SkerryError {
  if (cause instanceof SkerryError) return cause;
  if (signal.aborted) return new SkerryError('Aborted', `unpack ${packed}`, { cause });
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOSPC') return new SkerryError('DiskFull', `unpack ${packed} to ${to}`, { cause });
  // Cut short, or no gzip at all: another sum than the release's, in any case.
  if (code.startsWith('Z_')) return new SkerryError('Unverified', `verify ${packed}: it is damaged, or cut short`, { cause });
  return new SkerryError('DiskError', `unpack ${packed} to ${to}`, { cause });
}
