import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type YAMLMap } from 'yaml';
import { SkerryError } from '#lib/error.ts';
import { yamlProblem, type YamlProblem } from './yaml-problem.ts';
import { composeDocument, type OneDocument } from './yaml.ts';

/**
 * YAML as a file of settings: its top-level keys with their lines, and values as they are written. `007`, `1.10` and `yes` are texts here,
 * as they would be behind a flag: what they mean is for whoever knows the key.
 */
export type YamlSetting = { readonly key: string; readonly line: number; readonly value: Written };

export type Written =
  | { readonly type: 'nothing' }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | { readonly type: 'map'; readonly entries: readonly (readonly [string, string])[] }
  /** Maps and lists in others. */
  | { readonly type: 'nested' };

/** In the order of the file; a key that stands twice is given twice. Throws as settingsIn. */
export function parseYamlSettings(text: string): readonly YamlSetting[] {
  const { document, lines, contents } = settingsIn(text);
  if (contents === undefined) return [];
  return contents.items.map(({ key, value }) => ({
    key: textOf(key) ?? '',
    line: lines.linePos(isNode(key) ? (key.range?.[0] ?? 0) : 0).line,
    value: writtenOf(value, document),
  }));
}

/** `contents`: undefined where there is nothing but comments. Throws BadConfig with the place (`placeOf`), or 413 for what is too large. */
export function settingsIn(text: string): OneDocument & { readonly contents: YAMLMap | undefined } {
  const { document, lines } = composeDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw unreadable(yamlProblem(error));
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { document, lines, contents: undefined };
  if (isMap(contents)) return { document, lines, contents };
  const { line, col } = lines.linePos(contents.range[0]);
  throw unreadable({ line, column: col, why: 'it is no map of keys and values, such as "data-dir: /var/lib/skerry"' });
}

function unreadable({ line, column, why }: YamlProblem): SkerryError {
  return new SkerryError('BadConfig', why, { details: { place: `${line}:${column}` } });
}

/** `path:3:7`, where an error of settingsIn tells the place; else the path alone. */
export function placeOf(path: string, error: unknown): string {
  const place = error instanceof SkerryError ? error.details['place'] : undefined;
  return typeof place === 'string' ? `${path}:${place}` : path;
}

function writtenOf(node: unknown, document: Document.Parsed): Written {
  const value = isAlias(node) ? node.resolve(document) : node;
  if (value === null || value === undefined || (isScalar(value) && value.value === null)) return { type: 'nothing' };
  if (isScalar(value)) return { type: 'text', text: textOf(value) ?? '' };
  if (isSeq(value)) {
    const items = value.items.map(textOf);
    return items.every((item) => item !== undefined) ? { type: 'list', items } : { type: 'nested' };
  }
  if (!isMap(value)) return { type: 'nested' };
  const entries = value.items.map((pair) => [textOf(pair.key), textOf(pair.value)] as const);
  const written = entries.flatMap(([key, text]) => (key === undefined || text === undefined ? [] : [[key, text] as const]));
  return written.length === entries.length ? { type: 'map', entries: written } : { type: 'nested' };
}

/** Undefined for what is no single value; nothing is the empty text, as behind a flag's `=`. */
function textOf(node: unknown): string | undefined {
  if (node === null || node === undefined) return '';
  if (!isScalar(node)) return undefined;
  return node.value === null ? '' : (node.source ?? '');
}
