import { HASH_PATTERN } from '#api/link/canonical.ts';
import { fields, matching } from '#api/link/reader.ts';
import type { Index } from '#api/link/statement.ts';
import { SkerryError } from '#lib/error.ts';

/** The bytes of an index (src/api/link/statement.ts, indexBytes) read back. Throws SkerryError `BadMessage`. */
export function parseIndex(bytes: Uint8Array): Index {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SkerryError('BadMessage', 'read the index of a document: it is not JSON', { cause: error });
  }
  const entries = Object.entries(fields(value, 'index'));
  return new Map(entries.map(([key, hash]) => [key, matching(hash, `index.${key}`, HASH_PATTERN, 'a SHA-256 in hex')]));
}
