import type { Json } from '../object.ts';

/**
 * YAML byte for byte as sigs.k8s.io/yaml writes it (go-yaml v2 over libyaml's emitter), so that what a command prints is what users of kubectl
 * know and compare with. Writes block style only; reads nothing (yaml.ts does).
 */
export function yamlAsGo(value: Json): string {
  return `${inline(value, 0, 0) ?? block(value, 0)}\n`;
}

type Container = readonly Json[] | { readonly [key: string]: Json };

function isContainer(value: Json): value is Container {
  return typeof value === 'object' && value !== null;
}

/** What stands on the line of its key or dash, or begins there; undefined for what stands below. `column`: where it begins. */
function inline(value: Json, indent: number, column: number): string | undefined {
  if (typeof value === 'string') return textOf(value, indent, column);
  if (!isContainer(value)) return typeof value === 'number' ? numberOf(value) : String(value);
  if (Array.isArray(value)) return value.length === 0 ? '[]' : undefined;
  return Object.keys(value).length === 0 ? '{}' : undefined;
}

/** A filled container whose lines stand at `indent`, its first line without it. */
function block(value: Json, indent: number): string {
  const margin = ' '.repeat(indent);
  const inner = indent + 2;
  if (Array.isArray(value))
    return value.map((item) => `- ${inline(item, inner, inner) ?? block(item, inner)}`).join(`\n${margin}`);
  // Sound: `inline` has answered for all that is no container.
  const record = value as { readonly [key: string]: Json };
  return Object.keys(record)
    .toSorted(byNature)
    .map((key) => {
      const item = record[key] ?? null;
      const text = textOf(key, indent, undefined);
      const length = lengthOf(text);
      if (lengthOf(key) > SIMPLE_KEY_MAX) return `? ${text}\n${margin}: ${inline(item, inner, inner) ?? block(item, inner)}`;
      const beside = inline(item, inner, indent + length + 2);
      if (beside !== undefined) return `${text}: ${beside}`;
      // A list stands at the indent of its key.
      const below = Array.isArray(item) ? indent : inner;
      return `${text}:\n${' '.repeat(below)}${block(item, below)}`;
    })
    .join(`\n${margin}`);
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Of a key: what is longer is written with a question mark. */
const SIMPLE_KEY_MAX = 128;

/** As Go writes a float64: from 1e21 on, and below 1e-6, with an exponent of two digits. */
function numberOf(value: number): string {
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2');
}

/** `column` undefined: of a key, which stands on one line. */
function textOf(text: string, indent: number, column: number | undefined): string {
  const { plain, single, literal } = allowed(text);
  const isKey = column === undefined;
  const margin = ' '.repeat(indent);
  if (text.includes('\n') && literal && !isKey) return literalOf(text, margin);
  if (text.includes('\n') || isAnotherType(text) || (!plain && !single)) {
    const chars = Array.from(text);
    return `"${folded(chars.map(escaped), margin, column === undefined ? undefined : column + 1, (at) => (at === 0 || at >= chars.length - 1 ? undefined : chars[at + 1] === ' ' ? '\\' : ''))}"`;
  }
  const chars = Array.from(text);
  const isBefore = (at: number) => chars[at + 1] !== ' ' && (plain || (at > 0 && at < chars.length - 1));
  const units = plain ? chars : chars.map((char) => (char === "'" ? "''" : char));
  const start = column === undefined || plain ? column : column + 1;
  const body = folded(units, margin, start, (at) => (isBefore(at) ? '' : undefined));
  return plain ? body : `'${body}'`;
}

const WIDTH = 80;

/**
 * A text broken at the first space behind the width, as libyaml does. `units`: its characters as they are written. `breakAt`: what stands
 * before the next character if it is broken there; undefined where it can not be.
 */
function folded(
  units: readonly string[],
  margin: string,
  column: number | undefined,
  breakAt: (at: number) => string | undefined,
): string {
  if (column === undefined) return units.join('');
  let now = column;
  let isBehindSpace = false;
  return units
    .map((unit, at) => {
      const isSpace = unit === ' ';
      const mark = isSpace && !isBehindSpace && now > WIDTH ? breakAt(at) : undefined;
      isBehindSpace = isSpace;
      now = mark === undefined ? now + unit.length : margin.length + mark.length;
      return mark === undefined ? unit : `\n${margin}${mark}`;
    })
    .join('');
}

/** In which styles libyaml can write a text. */
function allowed(text: string): { readonly plain: boolean; readonly single: boolean; readonly literal: boolean } {
  const isSpecial = UNPRINTABLE.test(text) || text.includes(' \n');
  const isMultiline = text.includes('\n');
  const hasIndicator =
    /^(?:---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[-?:](?:[ \t\n]|$)/.test(text) ||
    /:(?:[ \t\n]|$)/.test(text) ||
    /[ \t\n]#/.test(text);
  return {
    plain: !isSpecial && !isMultiline && !hasIndicator && !/^ | $/.test(text),
    single: !isSpecial && !text.includes('\n '),
    literal: !isSpecial && !text.endsWith(' '),
  };
}

/** What libyaml takes for unprintable, tabs and all beyond the basic plane too; and line ends of Unicode, which upstream loses. */
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;

function literalOf(text: string, margin: string): string {
  const begins = /^[ \n]/.test(text) ? '2' : '';
  const ends = text.endsWith('\n') ? (/^\n$|\n\n$/.test(text) ? '+' : '') : '-';
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  return `|${begins}${ends}\n${lines.map((line) => (line === '' ? '' : `${margin}${line}`)).join('\n')}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

function escaped(char: string): string {
  if (char !== '"' && char !== '\\' && !UNPRINTABLE.test(char) && char !== '\n') return char;
  const code = char.codePointAt(0) ?? 0;
  const hex = (digits: number) => code.toString(16).toUpperCase().padStart(digits, '0');
  return ESCAPES[char] ?? (code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
}

/** What go-yaml would read as no text, old words for booleans and numbers in base 60 among them. */
function isAnotherType(text: string): boolean {
  if (text === '' || WORDS.test(text) || BASE_60.test(text)) return true;
  if (!/^[-+.\d]/.test(text)) return false;
  if (/^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text) || isTime(text)) return true;
  // Only what begins with a digit or a sign may have underscores.
  const digits = text.startsWith('.') ? text : text.replaceAll('_', '');
  return /^[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][\da-fA-F]+|[1-9]\d*|0)$/.test(digits) || FLOAT.test(digits);
}

const WORDS = /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|~|null|Null|NULL)$/;
const BASE_60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const TIME =
  /^\d{4}-(\d{1,2})-(\d{1,2})(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)|[ ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/;

function isTime(text: string): boolean {
  const [, month, day] = TIME.exec(text) ?? [];
  return month !== undefined && Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= 31;
}

/** go-yaml's order of keys: numbers within them count as numbers, and letters come after all else. */
function byNature(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)];
  const at = a.findIndex((char, index) => char !== b[index]);
  const [x, y] = [a[at], b[at]];
  if (at < 0 || x === undefined || y === undefined) return a.length - b.length;
  const [isX, isY] = [LETTER.test(x), LETTER.test(y)];
  if (isX && isY) return order(x, y);
  if (isX || isY) return isX ? 1 : -1;
  const [m, n] = [digitsFrom(a, at), digitsFrom(b, at)];
  // Zeros within a number count, leading ones do not.
  const lead = (x === '0' || y === '0') && hasNonZeroBefore(a, at) ? '1' : '';
  return order(BigInt(`${lead}${m}` || '0'), BigInt(`${lead}${n}` || '0')) || m.length - n.length || order(x, y);
}

const LETTER = /^\p{L}$/u;
const DIGIT = /^\d$/;

function order<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function digitsFrom(chars: readonly string[], from: number): string {
  let to = from;
  while (DIGIT.test(chars[to] ?? '')) to += 1;
  return chars.slice(from, to).join('');
}

function hasNonZeroBefore(chars: readonly string[], at: number): boolean {
  for (let before = at - 1; DIGIT.test(chars[before] ?? ''); before -= 1) if (chars[before] !== '0') return true;
  return false;
}
