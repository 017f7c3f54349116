/** Text in double quotes as Go's %q writes it, which upstream's errors show values in: what cannot be printed is escaped, so that it can be seen. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, escaped)}"`;
}

const NAMED = new Map([
  ['\u0007', String.raw`\a`],
  ['\b', String.raw`\b`],
  ['\f', String.raw`\f`],
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
  ['\v', String.raw`\v`],
  ['"', String.raw`\"`],
  ['\\', String.raw`\\`],
]);

function escaped(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const hex = (digits: number) => point.toString(16).padStart(digits, '0');
  if (point < 0x80) return NAMED.get(character) ?? String.raw`\x${hex(2)}`;
  return point < 0x10000 ? String.raw`\u${hex(4)}` : String.raw`\U${hex(8)}`;
}
