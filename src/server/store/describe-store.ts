import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { copyDatabase } from '#lib/copy-database.ts';
import { field, fieldsOf, listField, parsedJson, textField } from '#lib/json-field.ts';

/**
 * The database in numbers, for people who help: counts, versions, names and states of nodes and pods. It reads a copy, so the server is not
 * disturbed. What is secret in it (data of Secrets and ConfigMaps, values of environments) is given apart, only so that it can be kept out of texts.
 */
export type StoreDescription = {
  readonly summary: {
    readonly schemaVersion: number;
    readonly bytes: number;
    readonly integrity: string;
    readonly meta: Readonly<Record<string, unknown>>;
    readonly objects: Readonly<Record<string, number>>;
    readonly nodes: readonly { readonly name: string; readonly ready: string; readonly reason: string }[];
    readonly pods: readonly {
      readonly namespace: string;
      readonly name: string;
      readonly node: string;
      readonly phase: string;
      readonly ready: string;
    }[];
    readonly leftOut: number;
  };
  readonly secrets: readonly string[];
};

/** Of each kind that is listed by name. */
const LISTED_MAX = 1_000;
const SECRETS_MAX = 5_000;
const META = ['cluster', 'incarnation', 'confirmed', 'since', 'reserved', 'stop', 'clusterCIDR', 'serviceCIDR', 'clusterDomain'];

/** `scratch`: a folder for the copy, which the caller removes. Throws as copyDatabase, or an error of SQLite's. */
export function describeStore(file: string, scratch: string): StoreDescription {
  const db = new Sqlite(copyDatabase(file, scratch));
  try {
    const meta = db.prepare<[], [string, unknown]>('SELECT name, value FROM meta').raw().all();
    const objects: Record<string, number> = {};
    for (const key of db.prepare<[], string>('SELECT key FROM object').pluck().iterate()) {
      const resource = key.split('/')[0] ?? '';
      objects[resource] = (objects[resource] ?? 0) + 1;
    }
    const [nodes, pods] = [objectsOf(db, 'nodes', LISTED_MAX), objectsOf(db, 'pods', LISTED_MAX)];
    return {
      summary: {
        schemaVersion: Number(db.pragma('user_version', { simple: true })),
        bytes: statSync(file).size,
        integrity: String(db.pragma('quick_check(1)', { simple: true })),
        meta: Object.fromEntries(meta.filter(([name]) => META.includes(name))),
        objects,
        nodes: nodes.map((node) => ({ name: nameOf(node), ...readyOf(node) })),
        pods: pods.map((pod) => ({
          namespace: textField(field(pod, 'metadata'), 'namespace'),
          name: nameOf(pod),
          node: textField(field(pod, 'spec'), 'nodeName'),
          phase: textField(field(pod, 'status'), 'phase'),
          ready: readyOf(pod).ready,
        })),
        leftOut: Math.max(0, (objects['nodes'] ?? 0) - nodes.length) + Math.max(0, (objects['pods'] ?? 0) - pods.length),
      },
      secrets: [
        ...['secrets', 'configmaps'].flatMap((resource) => objectsOf(db, resource, SECRETS_MAX).flatMap(valuesOf)),
        ...pods.flatMap(environmentOf),
      ].slice(0, SECRETS_MAX),
    };
  } finally {
    db.close();
  }
}

function objectsOf(db: Sqlite.Database, resource: string, max: number): readonly unknown[] {
  // '0' follows '/': all keys of the resource and of no other.
  const rows = db.prepare<[string, string, number], Buffer>(
    'SELECT value FROM object WHERE key > ? AND key < ? ORDER BY key LIMIT ?',
  );
  return rows
    .pluck()
    .all(`${resource}/`, `${resource}0`, max)
    .map((value) => parsedJson(value.toString('utf8')));
}

function readyOf(value: unknown): { readonly ready: string; readonly reason: string } {
  const ready = listField(field(value, 'status'), 'conditions').find((condition) => textField(condition, 'type') === 'Ready');
  return { ready: textField(ready, 'status'), reason: textField(ready, 'reason') };
}

function valuesOf(value: unknown): readonly string[] {
  const data = Object.values(fieldsOf(field(value, 'data'))).map(String);
  return [...data, ...data.map((encoded) => Buffer.from(encoded, 'base64').toString('utf8'))];
}

function environmentOf(pod: unknown): readonly string[] {
  const spec = field(pod, 'spec');
  const containers = [...listField(spec, 'initContainers'), ...listField(spec, 'containers')];
  return containers.flatMap((container) => listField(container, 'env').map((entry) => textField(entry, 'value')));
}

const nameOf = (value: unknown): string => textField(value, 'metadata', 'name');
