import type { Json } from '../object.ts';
import { setOwn } from '../json-object.ts';

/**
 * The plain part of YAML that machines write kubeconfigs in: maps and lists in block style, each text on one line, no flow style, anchors,
 * tags or comments behind a value. What is outside of it is not read at all (undefined), for the whole reader to take: loading that one
 * costs a command 17 ms of the 60 it has.
 */
export function parsePlainYaml(text: string): Json | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  try {
    const reader = new PlainReader(text);
    const value = reader.node(0);
    return reader.isAtEnd() ? value : undefined;
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

const TEXT_LENGTH_MAX = 1024 * 1024;
const DEPTH_MAX = 20;

const NOT_PLAIN = new Error('not plain');

type Line = { readonly indent: number; readonly text: string };

class PlainReader {
  readonly #lines: Line[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#lines = linesOf(text);
  }

  isAtEnd(): boolean {
    return this.#at === this.#lines.length;
  }

  /** The map or list whose entries stand at exactly `indent`. */
  node(indent: number): Json {
    const line = this.#lines[this.#at];
    this.#depth += 1;
    if (line === undefined || line.indent !== indent || this.#depth > DEPTH_MAX) throw NOT_PLAIN;
    const value = isEntry(line.text) ? this.#list(indent) : this.#map(indent);
    this.#depth -= 1;
    return value;
  }

  #list(indent: number): Json {
    const items: Json[] = [];
    for (let line = this.#lines[this.#at]; line?.indent === indent && isEntry(line.text); line = this.#lines[this.#at]) {
      const rest = line.text.slice(1).trimStart();
      if (rest === '' || isEntry(rest)) throw NOT_PLAIN;
      if (KEY.test(rest)) {
        // The map begins behind its dash.
        const inner = indent + line.text.length - rest.length;
        this.#lines[this.#at] = { indent: inner, text: rest };
        items.push(this.node(inner));
      } else {
        items.push(scalar(rest));
        this.#at += 1;
      }
    }
    return items;
  }

  #map(indent: number): Json {
    const record: Record<string, Json> = {};
    for (let line = this.#lines[this.#at]; line?.indent === indent && !isEntry(line.text); line = this.#lines[this.#at]) {
      const [, key = '', rest = ''] = KEY.exec(line.text) ?? [];
      if (key === '' || KEYWORDS.test(key) || Object.hasOwn(record, key)) throw NOT_PLAIN;
      this.#at += 1;
      setOwn(record, key, rest === '' ? this.#below(indent) : scalar(rest));
    }
    return record;
  }

  /** The value of a key that has none on its own line. A list may stand at the indent of its key. */
  #below(indent: number): Json {
    const next = this.#lines[this.#at];
    if (next === undefined || next.indent < indent) return null;
    if (next.indent > indent) return this.node(next.indent);
    return isEntry(next.text) ? this.node(indent) : null;
  }
}

/** A key that is nothing but a text in every YAML, and what follows it. */
const KEY = /^([A-Za-z][A-Za-z0-9_./-]*):(?: +(.*))?$/;

const KEYWORDS = /^(?:y|n|yes|no|on|off|true|false|null|~)$/i;

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    const content = line.trimStart();
    if (content === '' || content.startsWith('#')) continue;
    if (/[^\x20-\x7e]/.test(line) || content.endsWith(' ')) throw NOT_PLAIN;
    lines.push({ indent: line.length - content.length, text: content });
  }
  return lines;
}

function isEntry(text: string): boolean {
  return text === '-' || text.startsWith('- ');
}

function scalar(text: string): Json {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === '{}') return {};
  if (text === '[]') return [];
  if (text === '""') return '';
  // No escapes: what has some is for the whole reader.
  const inner = /^"([^"\\]*)"$/.exec(text)?.[1];
  if (inner !== undefined) return inner;
  if (!PLAIN.test(text) || KEYWORDS.test(text)) throw NOT_PLAIN;
  return text;
}

/** Begins with a letter or slash, so it is no number nor time, and holds nothing that means something in YAML. A colon stands before no space. */
const PLAIN = /^[A-Za-z/](?:[A-Za-z0-9_./+=@$-]| (?=[A-Za-z0-9])|:(?=[A-Za-z0-9/]))*$/;
