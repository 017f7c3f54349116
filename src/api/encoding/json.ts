import { badRequestError } from '../status.ts';
import type { Json } from '../object.ts';
import { pathText } from '../schema/conform.ts';

/** JSON with what JSON.parse keeps to itself: which keys stand twice in one object, and where a value stands in the text. */

/** Throws 400 for text that is no JSON. `duplicates`: paths of keys that stand twice. */
export function parseJson(text: string): { readonly value: Json; readonly duplicates: readonly string[] } {
  const value = parse(text);
  return { value, duplicates: scan(text).duplicates };
}

/** The value alone: no second look at the text. Throws 400. */
export function parse(text: string): Json {
  checkDepth(text);
  try {
    // Sound: what JSON.parse gives is JSON.
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw badRequestError(`json parse error: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Brackets within brackets: far more than any object has, and little enough for what recurses over a value. */
export const DEPTH_MAX = 1_000;

/** Throws 400. */
function depthError(): unknown {
  return badRequestError(`json parse error: exceeded max depth of ${DEPTH_MAX}`);
}

function checkDepth(text: string): void {
  if (text.length <= DEPTH_MAX) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === BRACE_OPEN || code === BRACKET_OPEN) {
      depth += 1;
      if (depth > DEPTH_MAX) throw depthError();
    } else if (code === BRACE_CLOSE || code === BRACKET_CLOSE) depth -= 1;
  }
}

const QUOTE = 0x22;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

export type Scanned = {
  /** Paths of keys that stand twice, the first DUPLICATES_MAX. */
  readonly duplicates: readonly string[];
  /** Of the first character of the value at the wanted path (the last such value, where a key stands twice). */
  readonly offset?: number;
};

/** A path is as long as its value is deep, so a list of all of them could be far longer than the text. */
const DUPLICATES_MAX = 100;

type Path = readonly (string | number)[];
type Container = { readonly keys: Set<string> | undefined; index: number; key: string };

/** Reads valid JSON once, without recursion. */
export function scan(text: string, wanted?: Path): Scanned {
  const duplicates: string[] = [];
  let offset: number | undefined;
  const stack: Container[] = [];
  let expectsKey = false;
  const begin = (at: number) => {
    // From the innermost on: that is where siblings differ.
    if (wanted?.length === stack.length && stack.every((_, up) => isAt(stack.at(-1 - up), wanted.at(-1 - up)))) offset = at;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    const top = stack.at(-1);
    if (character === '"') {
      const end = endOfString(text, at);
      if (expectsKey && top?.keys !== undefined) {
        // Sound: the slice is a JSON string of text that was parsed before.
        top.key = JSON.parse(text.slice(at, end + 1)) as string;
        if (top.keys.has(top.key) && duplicates.length < DUPLICATES_MAX)
          duplicates.push(pathText(stack.map((container) => partOf(container))));
        top.keys.add(top.key);
        expectsKey = false;
      } else begin(at);
      at = end;
    } else if (character === '{' || character === '[') {
      begin(at);
      stack.push({ keys: character === '{' ? new Set() : undefined, index: 0, key: '' });
      expectsKey = character === '{';
    } else if (character === '}' || character === ']') {
      stack.pop();
      expectsKey = false;
    } else if (character === ',') {
      if (top !== undefined) top.index++;
      expectsKey = top?.keys !== undefined;
    } else if (character !== undefined && /[-\dtfn]/.test(character)) {
      begin(at);
      while (/[-+.\dA-Za-z]/.test(text[at + 1] ?? '')) at++;
    }
  }
  return { duplicates, ...(offset === undefined ? {} : { offset }) };
}

function isAt(container: Container | undefined, part: string | number | undefined): boolean {
  return container !== undefined && partOf(container) === part;
}

function partOf({ keys, index, key }: Container): string | number {
  return keys === undefined ? index : key;
}

/** Of the closing quote: the first that an even number of backslashes stands before. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text[first - 1] === '\\') first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
  return text.length;
}
