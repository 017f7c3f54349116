import { appendFileSync, copyFileSync, existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import type { SchemaStep } from '#lib/schema-steps.ts';
import { SCHEMA } from './database.ts';
import { RESTORE_JUMP_REVISIONS } from './start.ts';
import type { Store } from './store.ts';

const configMaps = (count: number, bytes = 2_000) =>
  Array.from({ length: count }, (_, at) => ({
    key: { resource: 'configmaps', namespace: 'default', name: `c${at}` },
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${at}` }, data: { text: 'x'.repeat(bytes) } },
  }));

const countOf = (store: Store) => store.view().list('configmaps').length;

/** A closed database of 500 objects is damaged; what the next start makes of it. */
async function checkDamaged(damage: (file: string) => void, why: RegExp): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const before = await openTestStore({ file, clusterId: 'mine' });
    const { revision } = await before.storage.commit(configMaps(500));
    await before.close();
    damage(file);
    const found = readFileSync(file);

    const store = await openTestStore({ file, firstStart: false, clusterId: 'mine' });
    expect(store.setAside?.why).toMatch(why);
    expect(store.setAside?.path).toMatch(/state\.db\.broken-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/);
    expect(readFileSync(store.setAside?.path ?? '').equals(found)).toBe(true);
    expect([countOf(store), store.clusterId, store.incarnation().confirmed]).toEqual([0, 'mine', false]);
    expect(store.incarnation().id).not.toBe(before.incarnation().id);
    expect(store.storage.revision()).toBeGreaterThan(revision + RESTORE_JUMP_REVISIONS / 2);
    await store.storage.commit(configMaps(1));
    await store.close();

    const again = await openTestStore({ file, firstStart: false });
    expect([again.setAside, countOf(again), again.incarnation()]).toEqual([undefined, 1, store.incarnation()]);
    await again.close();
  });
}

/** Changes the file behind SQLite's back. */
const overwrite = (at: (bytes: Buffer) => number, text: string) => (file: string) => {
  const bytes = readFileSync(file);
  bytes.write(text, at(bytes));
  writeFileSync(file, bytes);
};

const sql = (statement: string) => (file: string) => {
  const db = new Sqlite(file);
  db.exec(statement);
  db.close();
};

describe('a database that can not be used is set aside, reported, and never touched', () => {
  test('emptied', () => checkDamaged((file) => truncateSync(file, 0), /empty/));
  test('cut short', () => checkDamaged((file) => truncateSync(file, 600 * 1_000), /./));
  test('cut within its first page', () => checkDamaged((file) => truncateSync(file, 1_000), /./));
  test('overwritten by garbage', () =>
    checkDamaged((file) => writeFileSync(file, Buffer.alloc(50_000, 'garbage ')), /not a database/));
  test('a page lost', () =>
    checkDamaged(
      overwrite(() => 40 * 4_096, '\0'.repeat(4_096)),
      /./,
    ));
  test('after an unclean stop, an index that does not match its table', () =>
    checkDamaged((file) => {
      sql("UPDATE meta SET value = 'running' WHERE name = 'stop'")(file);
      overwrite((bytes) => bytes.lastIndexOf('configmaps/default/c7'), 'configmaps/default/x')(file);
    }, /index/));
  test('an object that is no JSON', () =>
    checkDamaged(sql(`UPDATE object SET value = CAST('{"metadata":' AS BLOB) WHERE key LIKE '%/c7'`), /configmaps\/default\/c7/));
  test('an object that is none', () =>
    checkDamaged(sql(`UPDATE object SET value = CAST('[]' AS BLOB) WHERE key LIKE '%/c7'`), /configmaps\/default\/c7/));
  test('a column of the wrong type', () => checkDamaged(sql(`UPDATE object SET value = 7 WHERE key LIKE '%/c7'`), /column/));
  test('a table gone', () => checkDamaged(sql('DROP TABLE object'), /object/));
  test('the database of something else', () => checkDamaged(sql('PRAGMA application_id = 1'), /not a database of Skerry/));
});

test('garbage behind the end of the log is not part of it', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const running = await openTestStore({ file });
    await running.storage.commit(configMaps(10));
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
    appendFileSync(`${copy}-wal`, Buffer.alloc(10_000, 'garbage '));
    await running.close();
    const store = await openTestStore({ file: copy, firstStart: false });
    expect([store.setAside, countOf(store)]).toEqual([undefined, 10]);
    await store.close();
  }));

test('a log without its database is set aside, too, and never meets another one', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    writeFileSync(`${file}-wal`, 'something');
    const store = await openTestStore({ file, firstStart: false });
    expect(existsSync(`${store.setAside?.path ?? ''}-wal`)).toBe(true);
    await store.close();
  }));

test('a schema of a newer release is refused, and the file stays as it is', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    await (await openTestStore({ file })).close();
    sql("PRAGMA user_version = 2; UPDATE meta SET value = 2 WHERE name = 'usableFrom'")(file);
    const before = readFileSync(file);
    await expect(openTestStore({ file })).rejects.toMatchObject({
      code: 'SchemaTooNew',
      message: expect.stringMatching(/state\.db.*version 2.*for releases that know version 2.*up to 1.*newer/s),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes('broken'))).toEqual([]);
  }));

const NEXT: readonly SchemaStep[] = [
  ...SCHEMA,
  { version: SCHEMA.length + 1, kind: 'additive', sql: "ALTER TABLE object ADD COLUMN owner TEXT NOT NULL DEFAULT ''" },
  {
    version: SCHEMA.length + 2,
    kind: 'destructive',
    sql: 'ALTER TABLE object DROP COLUMN uid; ALTER TABLE object ADD COLUMN uid',
  },
];

test('a release on trial changes the schema by addition only: the one before goes on with the file, and so does it, until it stays', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const count = async (options: { readonly steps?: readonly SchemaStep[]; readonly onTrial?: boolean }, add: number) => {
      const store = await openTestStore({ file, firstStart: false, ...options });
      const before = countOf(store);
      await store.storage.commit(configMaps(before + add).slice(before));
      const found = [store.setAside, countOf(store)];
      await store.close();
      return found;
    };
    const columns = () => {
      const db = new Sqlite(file, { readonly: true });
      const names = db.prepare("SELECT group_concat(name) FROM pragma_table_info('object')").pluck().get();
      db.close();
      return names;
    };
    await (await openTestStore({ file })).close();
    expect([await count({}, 3), columns()]).toEqual([[undefined, 3], 'key,revision,uid,value']);
    expect([await count({ steps: NEXT, onTrial: true }, 3), columns()]).toEqual([[undefined, 6], 'key,revision,uid,value,owner']);
    expect(await count({}, 3)).toEqual([undefined, 9]);
    expect([await count({ steps: NEXT, onTrial: true }, 3), columns()]).toEqual([
      [undefined, 12],
      'key,revision,uid,value,owner',
    ]);
    expect([await count({ steps: NEXT }, 3), columns()]).toEqual([[undefined, 15], 'key,revision,value,owner,uid']);
    await expect(count({}, 1)).rejects.toMatchObject({ code: 'SchemaTooNew' });
    expect(await count({ steps: NEXT }, 1)).toEqual([undefined, 16]);
  }));

test('a file that another process has open is refused, not set aside', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const store = await openTestStore({ file });
    await expect(openTestStore({ file })).rejects.toMatchObject({ code: 'InUse' });
    await store.storage.commit(configMaps(1));
    expect(readdirSync(folder).filter((name) => name.includes('broken'))).toEqual([]);
    await store.close();
  }));

test('a server that starts on a backup counts as another one, far above what the lost one gave', () =>
  withFolder(async (folder) => {
    const original = await openTestStore({ file: join(folder, 'state.db'), clusterId: 'mine' });
    await original.storage.commit(configMaps(5));
    const copy = join(folder, 'copy', 'state.db');
    await expect(original.backup(copy, new AbortController().signal)).rejects.toMatchObject({ code: 'DiskFailed' });
    const file = join(folder, 'copy.db');
    await original.backup(file, new AbortController().signal);
    const { revision } = await original.storage.commit(configMaps(6));
    await original.close();

    const restored = await openTestStore({ file, firstStart: false });
    expect([countOf(restored), restored.clusterId, restored.incarnation().confirmed]).toEqual([5, 'mine', false]);
    expect(restored.incarnation().id).not.toBe(original.incarnation().id);
    expect(restored.storage.revision()).toBeGreaterThan(revision + RESTORE_JUMP_REVISIONS / 2);
    await restored.close();
    const again = await openTestStore({ file, firstStart: false });
    expect([again.incarnation(), again.storage.revision() < 2 * RESTORE_JUMP_REVISIONS]).toEqual([restored.incarnation(), true]);
    await again.close();
  }));

test('a fresh database is confirmed at the first start only', () =>
  withFolder(async (folder) => {
    const first = await openTestStore({ file: join(folder, 'a.db'), firstStart: true });
    const later = await openTestStore({ file: join(folder, 'b.db'), firstStart: false });
    expect([first.incarnation().confirmed, later.incarnation().confirmed]).toEqual([true, false]);
    await Promise.all([first.close(), later.close()]);
  }));

test('the network of the first start stays, also where the database was damaged; another one is refused and changes nothing', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const network = { clusterCIDR: '172.20.0.0/16', clusterDomain: 'boats.example' };
    const first = await openTestStore({ file, network });
    const expected = { ...network, serviceCIDR: '10.96.0.0/16' };
    expect(first.network).toEqual(expected);
    await first.storage.commit(configMaps(1));
    await first.close();
    const refused = openTestStore({ file, firstStart: false, network: { clusterCIDR: '10.32.0.0/11' } });
    await expect(refused).rejects.toThrow('this cluster was made with 172.20.0.0/16');
    const second = await openTestStore({ file, firstStart: false });
    expect([second.network, countOf(second), second.setAside]).toEqual([expected, 1, undefined]);
    await second.close();
    sql("DELETE FROM meta WHERE name = 'usableFrom'; UPDATE object SET value = '{'")(file);
    const third = await openTestStore({ file, firstStart: false });
    expect([third.setAside === undefined, third.network]).toEqual([false, expected]);
    await third.close();
  }));
