import { isMap, isScalar } from 'yaml';
import { badRequestError } from '../status.ts';
import { parseOneDocument } from './yaml.ts';

/**
 * Changes single keys of a file of settings and leaves the rest as its owner wrote it, comments and order among it. What is written is
 * what was given: a text that YAML would take for something else is quoted.
 */
export function setYamlSettings(text: string, given: Readonly<Record<string, string | boolean>>): string {
  const { document } = parseOneDocument(text);
  const { contents } = document;
  const empty = contents === null || (isScalar(contents) && contents.value === null);
  if (!empty && !isMap(contents)) throw badRequestError('it is no map of keys and values, such as "data-dir: /var/lib/skerry"');
  const entries = Object.entries(given);
  if (entries.length === 0) return text;
  if (empty) {
    // A document of nothing but comments has no place to put a key into: what is new goes below them.
    const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const { document: fresh } = parseOneDocument('{}');
    fresh.contents = fresh.createNode({}, { flow: false }) as typeof fresh.contents; // Sound: any node may be a document's contents.
    for (const [key, value] of entries) fresh.set(key, value);
    return `${before}${fresh.toString(FORM)}`;
  }
  for (const [key, value] of entries) document.set(key, value);
  return document.toString(FORM);
}

/** A line is never broken: who looks for a value finds it on one. */
const FORM = { lineWidth: 0 };
