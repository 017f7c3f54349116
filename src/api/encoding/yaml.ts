import { isMap, isNode, isScalar, isSeq, Lexer, LineCounter, parseDocument, stringify, type Document, type Tags } from 'yaml';
import { DEPTH_MAX } from './json.ts';
import { apiError, badRequestError } from '../status.ts';
import { setOwn } from '../json-object.ts';
import type { Json } from '../object.ts';

/**
 * YAML as sigs.k8s.io/yaml reads it: the words and numbers of YAML 1.1 (`yes` is true, 010 is eight), nothing that JSON has not, keys that
 * stand twice reported. One document: more are refused, where upstream forgets all but the first.
 */
export type ParsedYaml = {
  readonly value: Json;
  /** Of keys that stand twice, all in one sentence as upstream's; empty where none does. */
  readonly duplicates: readonly string[];
};

const ALIASES_MAX = 100;
/** Keys that stand twice and are told of. */
const DUPLICATES_MAX = 100;

/** Names, values and what stands between them. The parser takes some 10 µs each, and a server waits for it. */
const TOKENS_MAX = 200_000;

/** Throws 400, or 413 for more than TOKENS_MAX. */
export function parseYamlBody(text: string): ParsedYaml {
  const { document, lines } = parseOneDocument(text);
  const twice = duplicatesIn(document.contents, lines);
  const value = valueOf(document);
  return { value, duplicates: twice.length === 0 ? [] : [`yaml: unmarshal errors:\n  ${twice.join('\n  ')}`] };
}

export type OneDocument = { readonly document: Document.Parsed; readonly lines: LineCounter };

/** The nodes of a text that is one document, not yet looked at. Throws as parseYamlBody. */
function parseOneDocument(text: string): OneDocument {
  const { document, lines } = composeDocument(text);
  const [error] = document.errors;
  if (error?.code === 'MULTIPLE_DOCS') throw malformed('it holds more than one document');
  if (error?.code === 'RESOURCE_EXHAUSTION') throw malformed('it nests too deeply');
  if (error !== undefined) throw malformed(error.message.split('\n')[0] ?? '');
  return { document, lines };
}

/** The same, with its errors still in it. Throws 413. */
export function composeDocument(text: string): OneDocument {
  checkTokens(text);
  const lines = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: false, schema: 'yaml-1.1', customTags: jsonTags, lineCounter: lines });
  return { document, lines };
}

function checkTokens(text: string): void {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > TOKENS_MAX)
      throw apiError('RequestEntityTooLarge', `a YAML body holds at most ${TOKENS_MAX} tokens: send what is larger as JSON`);
  }
}

function malformed(why: string): unknown {
  return badRequestError(`error converting YAML to JSON: yaml: ${why}`);
}

/** A file of our own kind, such as a kubeconfig. Throws 400. */
export function parseYaml(text: string): Json {
  return parseYamlBody(text).value;
}

/** Texts that YAML 1.1 would take for something else are quoted. */
export function stringifyYaml(value: unknown): string {
  return stringify(value, { schema: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** Times are texts, 1:30 is no number, and neither is a dot alone. */
function jsonTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === 'string' || tag.collection !== undefined) return [tag];
    if (tag.tag === 'tag:yaml.org,2002:timestamp' || tag.format === 'TIME') return [];
    return tag.test?.test('.') === true ? [{ ...tag, test: FLOAT }] : [tag];
  });
}

const FLOAT = /^[-+]?(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)$/;

function valueOf(document: Document.Parsed): Json {
  try {
    return jsonOf(document.toJS({ maxAliasCount: ALIASES_MAX }));
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause));
  }
}

function jsonOf(value: unknown, depth = 0): Json {
  if (depth > DEPTH_MAX) throw new Error(`it nests more than ${DEPTH_MAX} maps and lists`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, depth + 1));
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype)
    throw new Error(`it holds a ${typeof value} that JSON has not`);
  const result: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) setOwn(result, key, jsonOf(item, depth + 1));
  return result;
}

/** Throws 400 for a key that is no text, number or boolean. */
function duplicatesIn(contents: unknown, lines: LineCounter): readonly string[] {
  const found: string[] = [];
  const waiting = [contents];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (isSeq(node)) waiting.push(...node.items.toReversed());
    if (!isMap(node)) continue;
    const seen = new Set<string>();
    for (const { key } of node.items) {
      const { line } = lines.linePos(isNode(key) ? (key.range?.[0] ?? 0) : 0);
      const name = isScalar(key) ? nameOf(key.value) : undefined;
      if (name === undefined) throw malformed(`line ${line}: invalid map key`);
      if (seen.has(name) && found.length < DUPLICATES_MAX)
        found.push(`line ${line}: key ${JSON.stringify(name)} already set in map`);
      seen.add(name);
    }
    for (const { value } of node.items.toReversed()) waiting.push(value ?? undefined);
  }
  return found;
}

/** Of a key; `<<` is a symbol here. */
function nameOf(key: unknown): string | undefined {
  if (typeof key === 'symbol') return key.description ?? '';
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' ? String(key) : undefined;
}
