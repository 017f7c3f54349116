import { isNode, isScalar, type Range } from 'yaml';
import { composeDocument } from './yaml.ts';
import { settingsIn } from './yaml-settings.ts';

/**
 * Changes single keys of a file of settings and leaves the rest as its owner wrote it, comments and order among it. What is written is
 * what was given: a text that YAML would take for something else is quoted.
 */
export function setYamlSettings(text: string, given: Readonly<Record<string, string | boolean>>): string {
  const { document, contents } = settingsIn(text);
  const entries = Object.entries(given);
  if (entries.length === 0) return text;
  if (contents === undefined) {
    // A document of nothing but comments has no place to put a key into: what is new goes below them.
    const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const { document: fresh } = composeDocument('{}');
    fresh.contents = fresh.createNode({}, { flow: false }) as typeof fresh.contents; // Sound: any node may be a document's contents.
    for (const [key, value] of entries) fresh.set(key, value);
    return `${before}${fresh.toString(FORM)}`;
  }
  for (const [key, value] of entries) document.set(key, value);
  return document.toString(FORM);
}

/** Takes keys out, each with its lines; all else stays to the letter, comments of theirs too. Of a map in braces nothing is taken. */
export function removeYamlSettings(text: string, keys: readonly string[]): string {
  const { contents } = settingsIn(text);
  if (contents === undefined || contents.flow === true) return text;
  const gone = contents.items.filter(({ key }) => isScalar(key) && keys.includes(String(key.value)));
  return gone.reduceRight((left, { key, value }) => {
    const [start, end] = [rangeOf(key)?.[0], (rangeOf(value) ?? rangeOf(key))?.[1]];
    if (start === undefined || end === undefined) return left;
    const lineEnd = left.indexOf('\n', Math.max(start, end - 1));
    return left.slice(0, left.lastIndexOf('\n', start - 1) + 1) + (lineEnd === -1 ? '' : left.slice(lineEnd + 1));
  }, text);
}

const rangeOf = (node: unknown): Range | undefined => (isNode(node) ? (node.range ?? undefined) : undefined);

/** A line is never broken: who looks for a value finds it on one. */
const FORM = { lineWidth: 0 };
