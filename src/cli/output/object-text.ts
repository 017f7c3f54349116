import type { Json } from '#api/object.ts';
import { yamlAsGo } from '#api/encoding/yaml-as-go.ts';
import { kindName } from '../client/resource-types.ts';

/** Objects as kubectl writes them with -o json, yaml and name: keys sorted, managedFields left out. */
export type PrintedObject = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
};

/** `pod/web`, `deployment.apps/web` */
export function objectName({ apiVersion = '', kind = '', metadata }: PrintedObject): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return `${kindName({ group, kind })}/${metadata?.name ?? ''}`;
}

/** A List of these, as kubectl makes where more than one may have been meant. */
export function listOf(items: readonly PrintedObject[]): PrintedObject & { readonly items: readonly PrintedObject[] } {
  // Of kubectl's list the resourceVersion is empty, as it stands for none of the server's.
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}

export function withoutManagedFields<T extends PrintedObject>(object: T): T {
  const { metadata } = object;
  if (metadata === undefined || !('managedFields' in metadata)) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}

/** As Go writes JSON: with what HTML would take for its own escaped. What came from a server or a file is JSON. */
export function jsonText(object: unknown): string {
  const text = indented(object as Json, '\n');
  return `${text.replaceAll(/[<>&\u2028\u2029]/g, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)}\n`;
}

export function yamlText(object: unknown): string {
  // Sound: as above.
  return yamlAsGo(object as Json);
}

/** Not by JSON.stringify, since objects of JavaScript can not hold keys like "1" in another order than theirs. */
function indented(value: Json, line: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${line}    `;
  if (Array.isArray(value))
    return value.length === 0 ? '[]' : `[${value.map((item) => `${inner}${indented(item, inner)}`).join(',')}${line}]`;
  // Sound: what is no list is an object of JSON.
  const entries = Object.entries(value as { readonly [key: string]: Json }).filter((entry) => entry[1] !== undefined);
  if (entries.length === 0) return '{}';
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${indented(item, inner)}`).join(',')}${line}}`;
}
