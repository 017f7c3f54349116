/**
 * Texts that others wrote (an engine's error, a container's last words) may be of any length and hold anything; what is kept and sent of
 * them has a limit. Counted as JSON is: that is how they travel, and a control character is six bytes there. Pure.
 */

/** The beginning of `text` that takes at most `bytesMax` bytes within a JSON string. */
export function cutText(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += jsonBytesOf(character.codePointAt(0) ?? 0);
    if (bytes > bytesMax) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

const SHORT_ESCAPES: ReadonlySet<number> = new Set(Array.from('"\\\b\f\n\r\t', (character) => character.charCodeAt(0)));

function jsonBytesOf(code: number): number {
  if (SHORT_ESCAPES.has(code)) return 2;
  // Control characters, and halves of a pair that stand alone.
  if (code < 0x20 || (code >= 0xd800 && code <= 0xdfff)) return 6;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
