import type { YAMLParseError } from 'yaml';

/**
 * What is wrong with a text as YAML, for whoever wrote it by hand: where, and what was expected there. Never a piece of the text itself, which the
 * parser's own sentences quote: what is no YAML may hold anything, and this stands in logs.
 */
export type YamlProblem = { readonly line: number; readonly column: number; readonly why: string };

export function yamlProblem({ code, linePos }: YAMLParseError): YamlProblem {
  const { line, col } = linePos?.[0] ?? { line: 1, col: 1 };
  return { line, column: col, why: WHY[code] ?? `this can not stand here: expected ${A_LINE}` };
}

const A_LINE = 'a line such as "data-dir: /var/lib/skerry"';

/** Of those that people make. */
const WHY: Readonly<Partial<Record<YAMLParseError['code'], string>>> = {
  BAD_INDENT: 'a [ or { that does not end, or a line in another column than those before: expected all keys in one column',
  BAD_SCALAR_START: 'a sign that no value begins with: expected quotes around the value',
  BLOCK_AS_IMPLICIT_KEY:
    'a key within a value: expected each key on a line of its own, in one column, and quotes around a value with ": " in it',
  MISSING_CHAR: 'something is missing: expected ": " behind a key, a space before "#", or the closing quote',
  MULTILINE_IMPLICIT_KEY: `no ": " on this line: expected ${A_LINE}`,
  MULTIPLE_DOCS: 'a second document: expected no "---" but in front of all keys',
  TAB_AS_INDENT: 'a tab in front: expected spaces, or nothing',
};
