import { brotliCompressSync, brotliDecompressSync, constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { SkerryError } from '#lib/error.ts';
import { DICTIONARY_1 } from './dictionary.ts';

/**
 * The envelope of every link message: what stands before the JSON, and how it is compressed. Knows no message.
 *
 *   byte 0   version (high 4 bits, now 1) and codec (low 4 bits)
 *   byte 1   flags: bit 0 authenticated, bit 1 sealed, the rest reserved. None is in use yet; a frame with any is refused, not guessed at.
 *   rest     compressed by codec: 4 bytes length of the head (big-endian), the head (JSON), the body (bytes as they are)
 */
export type Parts = { readonly head: unknown; readonly body: Uint8Array };

/** 0 raw · 1 deflate with DICTIONARY_1 · 2 brotli. What the other side can read stands in its hello; before that only raw. */
export type Codec = 0 | 1 | 2;

export const CODECS: readonly Codec[] = [0, 1, 2];
export const FRAME_VERSION = 1;
/** Of a frame once decompressed, in bytes: a small frame can not make a large one here. */
export const FRAME_BYTES_MAX = 512 * 1024;
const HEADER_BYTES = 2;
const LENGTH_BYTES = 4;
/** Below this no codec gains anything. */
const COMPRESS_BYTES_MIN = 64;
/** Where brotli overtakes the dictionary (measured). */
const BROTLI_BYTES_MIN = 4_096;
const BROTLI_QUALITY = 4;
const EMPTY = new Uint8Array(0);

export function encodeFrame(head: unknown, body: Uint8Array = EMPTY, codecs: readonly Codec[] = [0]): Uint8Array {
  const json = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  const plain = Buffer.concat([length, json, body]);
  const codec = choose(plain.length, codecs);
  const packed = compress(plain, codec);
  const useful = packed.length < plain.length;
  return Buffer.concat([Buffer.of((FRAME_VERSION << 4) | (useful ? codec : 0), 0), useful ? packed : plain]);
}

/** Throws SkerryError `BadFrame` (it can not be read) or `UnsupportedFrame` (a later release's), and nothing else. */
export function decodeFrame(frame: Uint8Array): Parts {
  const [first, flags] = frame;
  if (first === undefined || flags === undefined) throw bad(`it has ${frame.length} bytes, fewer than its header`);
  if (first >> 4 !== FRAME_VERSION) throw unsupported(`version ${first >> 4}`);
  if (flags !== 0) throw unsupported(`flags 0x${flags.toString(16)}`);
  const plain = decompress(frame.subarray(HEADER_BYTES), first & 0x0f);
  if (plain.length < LENGTH_BYTES) throw bad('it ends before the length of its head');
  const headBytes = plain.readUInt32BE(0);
  if (headBytes > plain.length - LENGTH_BYTES)
    throw bad(`its head should have ${headBytes} bytes, ${plain.length - LENGTH_BYTES} are there`);
  const text = plain.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + headBytes);
  try {
    const head: unknown = JSON.parse(text);
    return { head, body: plain.subarray(LENGTH_BYTES + headBytes) };
  } catch (error) {
    throw bad('its head is not JSON', error);
  }
}

/** The codecs that both sides know, out of what the other side said. */
export function commonCodecs(theirs: readonly number[]): readonly Codec[] {
  return CODECS.filter((codec) => codec === 0 || theirs.includes(codec));
}

function choose(bytes: number, codecs: readonly Codec[]): Codec {
  if (bytes < COMPRESS_BYTES_MIN) return 0;
  if (bytes >= BROTLI_BYTES_MIN && codecs.includes(2)) return 2;
  return codecs.includes(1) ? 1 : 0;
}

function compress(plain: Buffer, codec: Codec): Buffer {
  switch (codec) {
    case 0:
      return plain;
    case 1:
      return deflateRawSync(plain, { dictionary: DICTIONARY_1 });
    case 2:
      return brotliCompressSync(plain, {
        params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
      });
  }
}

function decompress(packed: Uint8Array, codec: number): Buffer {
  if (codec === 0 && packed.length > FRAME_BYTES_MAX) throw bad(`it has ${packed.length} bytes, more than ${FRAME_BYTES_MAX}`);
  try {
    switch (codec) {
      case 0:
        return Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
      case 1:
        return inflateRawSync(packed, { dictionary: DICTIONARY_1, maxOutputLength: FRAME_BYTES_MAX });
      case 2:
        return brotliDecompressSync(packed, { maxOutputLength: FRAME_BYTES_MAX });
      default:
    }
  } catch (error) {
    throw bad(`it can not be decompressed (codec ${codec}, at most ${FRAME_BYTES_MAX} bytes)`, error);
  }
  throw unsupported(`codec ${codec}`);
}

function bad(why: string, cause?: unknown): SkerryError {
  return new SkerryError('BadFrame', `read a link frame: ${why}`, { cause });
}

function unsupported(what: string): SkerryError {
  return new SkerryError('UnsupportedFrame', `read a link frame: ${what} is of another release; update this side`);
}
