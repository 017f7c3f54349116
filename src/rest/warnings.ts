/** The Warning header (RFC 9111 §5.5, as upstream's net.NewWarningHeader): what a client prints beside the answer. */

/** Of all texts together; beyond it each is cut to TEXT_CHARACTERS_MAX, and what still does not fit is left out. */
const ALL_CHARACTERS_MAX = 4 * 1024;
const TEXT_CHARACTERS_MAX = 256;

/** No header where there is nothing to warn of. Header values are bytes: the text's UTF-8, each byte a character, as Node sends them. */
export function warningHeader(texts: readonly string[]): { readonly warning?: string } {
  const fitting = fit([...new Set(texts.map(printable))]);
  if (fitting.length === 0) return {};
  const values = fitting.map((text) => `299 - "${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
  return { warning: Buffer.from(values.join(', ')).toString('latin1') };
}

function fit(texts: readonly string[]): readonly string[] {
  if (texts.reduce((sum, text) => sum + text.length, 0) <= ALL_CHARACTERS_MAX) return texts;
  return texts.slice(0, ALL_CHARACTERS_MAX / TEXT_CHARACTERS_MAX).map((text) => text.slice(0, TEXT_CHARACTERS_MAX));
}

/** Control characters would end the header, or the terminal line it is printed on; half a surrogate pair is no UTF-8. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').toWellFormed();
}
