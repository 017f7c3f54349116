import { createHash } from 'node:crypto';
import { canonicalText } from './canonical-text.ts';

/** The bytes an item travels and is kept as, and the name those bytes have: their SHA-256 in hex. Both are part of the wire for ever. */
export function canonicalBytes(value: unknown): Uint8Array {
  return Buffer.from(canonicalText(value), 'utf8');
}

export function hashOf(bytes: Uint8Array): string {
  return hashOfPieces([bytes]);
}

/** Of all of them one after the other. */
export function hashOfPieces(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

export const HASH_PATTERN = /^[0-9a-f]{64}$/;
