/** Text as bytes, without Node: kinds are read by the pure core too. */

/** UTF-8 bytes of a text; a lone surrogate counts as the replacement character. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const point = text.codePointAt(at) ?? 0;
    if (point < 0x80) continue;
    bytes += point < 0x800 ? 1 : 2;
    // Two units of the text.
    if (point >= 0x10000) at += 1;
  }
  return bytes;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const REPLACEMENT = 0xfffd;

/** Base64 with padding of a text's UTF-8 bytes. */
export function base64OfText(text: string): string {
  const bytes = utf8(text);
  let out = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.slice(at, at + 3);
    const word = (a << 16) | (b << 8) | c;
    const left = bytes.length - at;
    out += [18, 12, 6, 0].map((shift, index) => (index > left ? '=' : ALPHABET[(word >> shift) & 63])).join('');
  }
  return out;
}

/** How many bytes a base64 text stands for, or undefined if it is not base64 (standard alphabet, padded; line breaks are ignored as Go does). */
export function base64ByteLength(text: string): number | undefined {
  const bare = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, '') : text;
  if (bare.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(bare)) return undefined;
  const padding = bare.endsWith('==') ? 2 : bare.endsWith('=') ? 1 : 0;
  return (bare.length / 4) * 3 - padding;
}

function utf8(text: string): readonly number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const clean = point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
    if (clean < 0x80) bytes.push(clean);
    else if (clean < 0x800) bytes.push(0xc0 | (clean >> 6), tail(clean, 0));
    else if (clean < 0x10000) bytes.push(0xe0 | (clean >> 12), tail(clean, 6), tail(clean, 0));
    else bytes.push(0xf0 | (clean >> 18), tail(clean, 12), tail(clean, 6), tail(clean, 0));
  }
  return bytes;
}

function tail(point: number, shift: number): number {
  return 0x80 | ((point >> shift) & 0x3f);
}
