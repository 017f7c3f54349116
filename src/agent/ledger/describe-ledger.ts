import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { copyDatabase } from '#lib/copy-database.ts';
import { field, fieldsOf, listField, parsedJson, textField } from '#lib/json-field.ts';
import { LOADS } from './rows.ts';

/**
 * A ledger in numbers, for people who help: counts, versions, names and states of pods. It reads a copy, so the agent is not disturbed. What is
 * secret in it (data of Secrets and ConfigMaps, tokens, values of environments) is given apart, only so that it can be kept out of texts.
 */
export type LedgerDescription = {
  readonly summary: {
    readonly schemaVersion: number;
    readonly bytes: number;
    readonly integrity: string;
    readonly rows: Readonly<Record<string, number>>;
    readonly pods: readonly PodLine[];
    readonly podsLeftOut: number;
  };
  readonly secrets: readonly string[];
};

type PodLine = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly reason: string;
  readonly containers: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly restarts: number;
    readonly state: string;
  }[];
};

const PODS_MAX = 1_000;
const SECRETS_MAX = 5_000;

/** `scratch`: a folder for the copy, which the caller removes. Throws as copyDatabase, or an error of SQLite's. */
export function describeLedger(file: string, scratch: string): LedgerDescription {
  const database = new Database(copyDatabase(file, scratch));
  try {
    const tables = Object.keys(LOADS);
    const count = (table: string) => Number(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    const statuses = new Map(
      database
        .prepare<[], [string, string]>("SELECT key, value FROM memory WHERE kind = 'statuses'")
        .raw()
        .all()
        .map(([uid, value]) => [uid, parsedJson(value)] as const),
    );
    const items = database
      .prepare<[], Buffer>('SELECT bytes FROM items')
      .pluck()
      .all()
      .map((bytes) => parsedJson(bytes.toString('utf8')));
    const pods = items.filter((item) => textField(item, 'kind') === 'Pod');
    return {
      summary: {
        schemaVersion: Number(database.pragma('user_version', { simple: true })),
        bytes: statSync(file).size,
        integrity: String(database.pragma('quick_check(1)', { simple: true })),
        rows: Object.fromEntries(tables.map((table) => [table, count(table)])),
        pods: pods.slice(0, PODS_MAX).map((pod) => lineOf(pod, statuses)),
        podsLeftOut: Math.max(0, pods.length - PODS_MAX),
      },
      secrets: items.flatMap(secretsOf).slice(0, SECRETS_MAX),
    };
  } finally {
    database.close();
  }
}

function lineOf(pod: unknown, statuses: ReadonlyMap<string, unknown>): PodLine {
  const metadata = field(pod, 'metadata');
  const uid = textField(metadata, 'uid');
  const status = statuses.get(uid);
  return {
    namespace: textField(metadata, 'namespace'),
    name: textField(metadata, 'name'),
    uid,
    phase: textField(status, 'phase'),
    reason: textField(status, 'reason'),
    containers: listField(status, 'containerStatuses').map((container) => ({
      name: textField(container, 'name'),
      ready: field(container, 'ready') === true,
      restarts: Number(field(container, 'restartCount') ?? 0),
      state: Object.keys(fieldsOf(field(container, 'state')))[0] ?? '',
    })),
  };
}

/** Values of Secrets and ConfigMaps, tokens, and what pods have in their environments. */
function secretsOf(item: unknown): readonly string[] {
  const decoded = (encoded: unknown) => Buffer.from(String(encoded), 'base64').toString('utf8');
  switch (textField(item, 'kind')) {
    case 'Secret':
      return Object.values(fieldsOf(field(item, 'data'))).flatMap((value) => [String(value), decoded(value)]);
    case 'ConfigMap':
      return [
        ...Object.values(fieldsOf(field(item, 'data'))).map(String),
        ...Object.values(fieldsOf(field(item, 'binaryData'))).map(decoded),
      ];
    case 'Token':
      return [textField(item, 'token')];
    case 'Pod': {
      const spec = field(item, 'spec');
      const containers = [...listField(spec, 'initContainers'), ...listField(spec, 'containers')];
      return containers.flatMap((container) => listField(container, 'env').map((entry) => textField(entry, 'value')));
    }
    default:
      return [];
  }
}
