import { SkerryError } from '#lib/error.ts';

/**
 * Follows the boundaries of MQTT packets in a byte stream, only to refuse one that claims to be too long before anybody keeps its
 * bytes (the parser would wait for all of it). It reads fixed headers (MQTT 3.1.1 §2.2) and nothing else.
 */
export type FrameGuard = {
  /** Throws code BadFrame if a packet that begins in `chunk` claims too much. */
  readonly check: (chunk: Uint8Array) => void;
};

const LENGTH_DIGITS_MAX = 4;

export function createFrameGuard(bytesMax: number): FrameGuard {
  let rest = 0;
  let digits = -1;
  let length = 0;
  const begin = () => {
    digits = -1;
    length = 0;
  };
  const lengthByte = (byte: number) => {
    length += (byte & 0x7f) * 128 ** digits;
    digits += 1;
    const last = byte < 0x80;
    if (!last && digits === LENGTH_DIGITS_MAX) throw bad('its length is not a number');
    if (length > bytesMax) throw bad(`it claims ${length} bytes, more than ${bytesMax}`);
    if (!last) return;
    rest = length;
    begin();
  };
  return {
    check: (chunk) => {
      let at = 0;
      while (at < chunk.length) {
        if (rest > 0) {
          const skipped = Math.min(rest, chunk.length - at);
          rest -= skipped;
          at += skipped;
          continue;
        }
        if (digits < 0) digits = 0;
        else lengthByte(chunk[at] ?? 0);
        at += 1;
      }
    },
  };
}

function bad(why: string): SkerryError {
  return new SkerryError('BadFrame', `read an MQTT packet: ${why}`);
}
