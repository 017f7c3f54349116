import { HEADER_BYTES, LABEL_BYTES_MAX, NAME_BYTES_MAX } from './wire.ts';

/**
 * Names as keys: the bytes that stand for a name in a message, capitals made small, one character a byte. Two names are the same name if their keys are equal. Capital
 * letters are no lengths of labels, so a key can be folded without looking where its labels begin.
 */
export type NameKey = string;

export const ROOT_KEY: NameKey = '\0';

/** From text, with or without a dot at its end. Undefined: this is no name. */
export function keyOfName(text: string): NameKey | undefined {
  if (text === '' || text === '.') return ROOT_KEY;
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  if (!labels.every((label) => label !== '' && label.length <= LABEL_BYTES_MAX && /^[\x21-\x7e]+$/.test(label))) return undefined;
  const key = `${labels.map((label) => String.fromCharCode(label.length) + label.toLowerCase()).join('')}\0`;
  return key.length > NAME_BYTES_MAX ? undefined : key;
}

/** For logs and events: what is not printable is shown as its number. */
export function textOfKey(key: NameKey): string {
  const labels: string[] = [];
  for (let at = 0; at < key.length - 1; at += key.charCodeAt(at) + 1) labels.push(key.slice(at + 1, at + 1 + key.charCodeAt(at)));
  return labels.join('.').replaceAll(/[^\x21-\x7e]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`);
}

export function bytesOfKey(key: NameKey): Buffer {
  return Buffer.from(key, 'latin1');
}

/** The name without its first label; of the root, undefined. */
export function parentOf(key: NameKey): NameKey | undefined {
  return key.length <= 1 ? undefined : key.slice(key.charCodeAt(0) + 1);
}

export function firstLabel(key: NameKey): string {
  return key.slice(1, 1 + key.charCodeAt(0));
}

/** Where the name that begins at `at` ends, following no pointer. Undefined: it does not end within the message, or is none. */
export function skipName(message: Uint8Array, at: number): number | undefined {
  for (let here = at; here - at < NAME_BYTES_MAX;) {
    const length = message[here];
    if (length === undefined) return undefined;
    if (length === 0) return here + 1;
    if (length >= 0xc0) return here + 2 <= message.length ? here + 2 : undefined;
    if (length > LABEL_BYTES_MAX) return undefined;
    here += length + 1;
  }
  return undefined;
}

/** The same of a name that has no pointer: the first of a message has nothing to point at. */
export function skipWholeName(message: Uint8Array, at: number): number | undefined {
  for (let here = at; here - at < NAME_BYTES_MAX;) {
    const length = message[here];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    here += length + 1;
    if (length === 0) return here;
  }
  return undefined;
}

/** A name with its pointers followed, which lead backwards only, as it is written. Undefined: it is none. */
export function readName(message: Uint8Array, at: number): Buffer | undefined {
  const bytes: number[] = [];
  let here = at;
  let limit = at;
  for (;;) {
    const length = message[here];
    if (length === undefined) return undefined;
    if (length >= 0xc0) {
      const to = ((length & 0x3f) << 8) | (message[here + 1] ?? 0);
      // Each pointer leads further back than all before it: there is no going round.
      if (here + 1 >= message.length || to >= limit || to < HEADER_BYTES) return undefined;
      here = to;
      limit = to;
      continue;
    }
    if (length > LABEL_BYTES_MAX || bytes.length + length + 1 > NAME_BYTES_MAX || here + length >= message.length)
      return undefined;
    for (let byte = here; byte <= here + length; byte += 1) bytes.push(message[byte] ?? 0);
    if (length === 0) return Buffer.from(bytes);
    here += length + 1;
  }
}

/** The key of a name without pointers, `bytes` long. */
export function keyOfBytes(message: Buffer, at: number, bytes: number): NameKey {
  const written = message.toString('latin1', at, at + bytes);
  const folded = written.toLowerCase();
  // Letters beyond ASCII, whose capitals are others here, are nothing but bytes in a name.
  return folded === written || !/[\x80-\xff]/.test(written)
    ? folded
    : written.replaceAll(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}
