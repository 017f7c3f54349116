import { isMap, isScalar, isSeq, parseDocument, stringify, type Document, type Node, type Pair } from 'yaml';
import { badRequestError } from '../status.ts';
import type { Json } from '../object.ts';
import { pathText } from '../schema/conform.ts';

/** YAML as sigs.k8s.io/yaml reads it: one document, YAML 1.1 booleans only where plain JSON has none, duplicate keys reported. */
export type Parsed = { readonly value: Json; readonly duplicates: readonly string[] };

const ALIASES_MAX = 100;

/** Throws 400. */
export function parseYamlBody(text: string): Parsed {
  const document = parseDocument(text, { uniqueKeys: false, version: '1.2', merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw badRequestError(`error converting YAML to JSON: yaml: ${error.message.split('\n')[0]}`);
  return { value: valueOf(document), duplicates: duplicatesIn(document.contents, []) };
}

/** A file of our own kind, such as a kubeconfig. Throws 400. */
export function parseYaml(text: string): Json {
  return parseYamlBody(text).value;
}

export function stringifyYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function valueOf(document: Document.Parsed): Json {
  try {
    // Sound: a document without tags of its own gives JSON values; `mapAsMap` is off.
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as Json;
  } catch (cause) {
    throw badRequestError(`error converting YAML to JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function duplicatesIn(node: unknown, path: readonly (string | number)[]): readonly string[] {
  if (isSeq(node)) return node.items.flatMap((item, index) => duplicatesIn(item, [...path, index]));
  if (!isMap(node)) return [];
  const seen = new Set<string>();
  return node.items.flatMap((pair: Pair<unknown, unknown>) => {
    const key = isScalar(pair.key) ? String(pair.key.value) : String((pair.key as Node | null)?.toString());
    const own = seen.has(key) ? [pathText([...path, key])] : [];
    seen.add(key);
    return [...own, ...duplicatesIn(pair.value, [...path, key])];
  });
}
