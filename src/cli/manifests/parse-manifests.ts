import { isJsonObject, ownOf, type JsonObject } from '#api/json-object.ts';
import type { Json } from '#api/object.ts';
import { SkerryError, explain } from '#lib/error.ts';

/** Objects as a file holds them: JSON, one value after the other, or YAML of several documents, Lists among them. Checks no more than that each says what it is. */
export type Manifest = {
  readonly object: JsonObject;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** The file, or STDIN. */
  readonly source: string;
};

export type Parsed = { readonly manifests: readonly Manifest[]; readonly failures: readonly SkerryError[] };

/** A document that makes no sense fails alone. */
export async function parseManifests(text: string, source: string): Promise<Parsed> {
  const manifests: Manifest[] = [];
  const failures: SkerryError[] = [];
  for (const read of await documentsOf(text)) {
    try {
      manifests.push(...objectsOf(read()).map((object) => manifestOf(object, source)));
    } catch (cause) {
      failures.push(new SkerryError('BadRequest', `read ${source}: ${explain(cause)}`));
    }
  }
  return { manifests, failures };
}

async function documentsOf(text: string): Promise<readonly (() => Json)[]> {
  // A text that begins as JSON does is most often nothing else, which is the quicker way.
  if (/^\s*[{[]/.test(text))
    try {
      const values = jsonTexts(text).map((one) => JSON.parse(one) as Json);
      return values.map((value) => () => value);
    } catch {
      // Flow style of YAML, or a fault that the YAML parser names with its line.
    }
  const { parseYamlBody } = await import('#api/encoding/yaml.ts');
  return text
    .split(/^---(?=\s|$).*$/m)
    .filter((document) => document.trim() !== '')
    .map((document) => () => {
      const { value, duplicates } = parseYamlBody(document);
      if (duplicates.length > 0) throw new Error(duplicates.join(' '));
      return value;
    });
}

/** As `-o json` writes several objects: where one ends, none is open. What is no JSON comes out as texts that are none. */
function jsonTexts(text: string): readonly string[] {
  const texts: string[] = [];
  let from = 0;
  let depth = 0;
  for (const { 0: part, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (part === '{' || part === '[') depth += 1;
    if (part !== '}' && part !== ']') continue;
    depth -= 1;
    if (depth !== 0) continue;
    texts.push(text.slice(from, index + 1));
    from = index + 1;
  }
  const rest = text.slice(from);
  return rest.trim() === '' && texts.length > 0 ? texts : [...texts, rest];
}

/** Those of a List, each of which may be a List. */
function objectsOf(value: Json, depth = 0): readonly JsonObject[] {
  // Comments alone are no object.
  if (value === null) return [];
  if (!isJsonObject(value)) throw new Error('it holds no object');
  const items = ownOf(value, 'items');
  const kind = ownOf(value, 'kind');
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [value];
  if (depth >= DEPTH_MAX) throw new Error('it holds Lists within Lists within Lists');
  return items.flatMap((item) => objectsOf(item, depth + 1));
}

const DEPTH_MAX = 5;

function manifestOf(object: JsonObject, source: string): Manifest {
  const text = (record: JsonObject, field: string) => {
    const value = ownOf(record, field) ?? '';
    if (typeof value !== 'string') throw new Error(`${field} is no text`);
    return value;
  };
  const [apiVersion, kind] = [text(object, 'apiVersion'), text(object, 'kind')];
  if (kind === '') throw new Error("Object 'Kind' is missing");
  if (apiVersion === '') throw new Error("Object 'apiVersion' is missing");
  const metadata = ownOf(object, 'metadata') ?? {};
  if (!isJsonObject(metadata)) throw new Error('metadata is no map');
  return { object, apiVersion, kind, name: text(metadata, 'name'), namespace: text(metadata, 'namespace'), source };
}
