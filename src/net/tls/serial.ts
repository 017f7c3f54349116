import type { Ids } from '#lib/ids.ts';

/** A certificate's serial number: by chance, positive and not zero, as RFC 5280 §4.1.2.2 wants it. */
const SERIAL_BYTES = 16;

export function serialOf(ids: Pick<Ids, 'bytes'>): Uint8Array {
  return Uint8Array.from(ids.bytes(SERIAL_BYTES), (byte, index) => (index === 0 ? (byte & 0x3f) | 0x40 : byte));
}
