import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import type { KubeObject } from '#api/object.ts';
import { SkerryError } from '#lib/error.ts';
import { planSchema, type SchemaStep } from '#lib/schema-steps.ts';
import { APPLICATION_ID, SCHEMA, diskError, readMark, schemaTooNew, type Meta } from './database.ts';

/**
 * Reads what a database file holds before anyone writes to it, through a connection that can not write: a broken file, or one of a newer
 * release, stays byte for byte as it was found.
 */
export type Found =
  | { readonly type: 'nothing' }
  | { readonly type: 'empty' }
  | { readonly type: 'broken'; readonly why: string; readonly meta: Meta }
  | { readonly type: 'database'; readonly meta: Meta; readonly objects: readonly FoundObject[] };

export type FoundObject = {
  readonly key: string;
  readonly revision: number;
  readonly bytes: number;
  readonly object: KubeObject;
};

const PROBLEMS_SHOWN_MAX = 5;

/** Throws SchemaTooNew, InUse, or DiskFailed where the file may be good but could not be read. */
export function look(file: string, steps: readonly SchemaStep[] = SCHEMA): Found {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size;
  if (bytes === undefined)
    return logBytes === undefined ? { type: 'nothing' } : { type: 'broken', why: 'its log is there, but it is gone', meta: {} };
  // A server killed while it made the file leaves an empty one, with a log that may or may not hold its first commit.
  if (bytes === 0 && (logBytes ?? 0) === 0) return { type: 'empty' };
  let meta: Meta = {};
  try {
    const db = new Sqlite(file, { readonly: true, fileMustExist: true, timeout: 0 });
    try {
      refuseNewer(db, file, steps);
      if (bytes === 0 && db.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0) return { type: 'empty' };
      if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
        return { type: 'broken', why: 'it is not a database of Skerry', meta };
      meta = readMeta(db);
      const problems = check(db, meta.stop === 'clean');
      if (problems !== undefined) return { type: 'broken', why: problems, meta };
      return { type: 'database', meta, objects: readObjects(db) };
    } finally {
      db.close();
    }
  } catch (error) {
    if (isBroken(error)) return { type: 'broken', why: String(error instanceof Error ? error.message : error), meta };
    throw diskError('read', file, error);
  }
}

function refuseNewer(db: Sqlite.Database, file: string, steps: readonly SchemaStep[]): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  // What is no newer, or not ours, is for the other checks.
  if (version <= steps.length || db.pragma('application_id', { simple: true }) !== APPLICATION_ID) return;
  const plan = planSchema(steps, readMark(db), true);
  if (plan.type === 'too-new') throw schemaTooNew(file, readMark(db), plan.known);
}

function isBroken(error: unknown): boolean {
  if (error instanceof SkerryError) return error.code === 'Unreadable';
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|ERROR$)/.test(error.code);
}

/** After a clean stop only the structure, otherwise also every index against its table. */
function check(db: Sqlite.Database, clean: boolean): string | undefined {
  const rows = db
    .prepare(clean ? 'PRAGMA quick_check' : 'PRAGMA integrity_check')
    .pluck()
    .all();
  if (rows.length === 1 && rows[0] === 'ok') return undefined;
  return rows.slice(0, PROBLEMS_SHOWN_MAX).join('; ');
}

function readMeta(db: Sqlite.Database): Meta {
  const rows = new Map(
    db
      .prepare<[], [string, unknown]>('SELECT name, value FROM meta')
      .raw()
      .all()
      .map(([name, value]) => [name, value] as const),
  );
  const text = (name: string) => (typeof rows.get(name) === 'string' ? String(rows.get(name)) : undefined);
  const [cluster, incarnation, confirmed, stop] = [text('cluster'), text('incarnation'), text('confirmed'), text('stop')];
  const [clusterCIDR, serviceCIDR, clusterDomain] = [text('clusterCIDR'), text('serviceCIDR'), text('clusterDomain')];
  const [reserved, since] = [rows.get('reserved'), rows.get('since')];
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(confirmed === 'yes' || confirmed === 'no' ? { confirmed } : {}),
    ...(typeof reserved === 'number' ? { reserved } : {}),
    ...(typeof since === 'number' ? { since } : {}),
    ...(clusterCIDR === undefined ? {} : { clusterCIDR }),
    ...(serviceCIDR === undefined ? {} : { serviceCIDR }),
    ...(clusterDomain === undefined ? {} : { clusterDomain }),
    ...(stop === 'clean' || stop === 'running' || stop === 'backup' ? { stop } : {}),
  };
}

function readObjects(db: Sqlite.Database): readonly FoundObject[] {
  const found: FoundObject[] = [];
  const rows = db.prepare<[], [unknown, unknown, unknown]>('SELECT key, revision, value FROM object').raw();
  for (const [key, revision, value] of rows.iterate()) {
    if (typeof key !== 'string' || typeof revision !== 'number' || !Buffer.isBuffer(value))
      throw new SkerryError('Unreadable', `row ${String(key)}: a column has the wrong type`);
    found.push({ key, revision, bytes: value.length, object: parseObject(key, value.toString()) });
  }
  return found;
}

function parseObject(key: string, text: string): KubeObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'metadata' in value && typeof value.metadata === 'object') {
      // Every row was an object of the API when it was written, and its schema is checked there; here only its integrity counts.
      return value as KubeObject;
    }
  } catch (error) {
    throw new SkerryError('Unreadable', `row ${key}: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new SkerryError('Unreadable', `row ${key}: its value is not an object`);
}
