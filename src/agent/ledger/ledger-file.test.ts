import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { systemDisk } from './disk.ts';
import { testLedgerWriter } from '../../../test/support/ledger-writer.ts';
import type { NodeLedger } from './link-ledger.ts';
import { openLedger } from './node-ledger.ts';
import { RESERVE_PAGES } from './reserve.ts';
import { SCHEMA } from './rows.ts';
import { ledgerWriter } from './synced-writer.ts';
import type { OpenLedgerWriter } from './writer.ts';

let folder = '';
let path = '';
const open: NodeLedger[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-file-'));
  path = join(folder, 'ledger.db');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((ledger) => ledger.close()));
  rmSync(folder, { recursive: true });
});

async function ledgerWith(openWriter: OpenLedgerWriter = testLedgerWriter()): Promise<NodeLedger> {
  const joined = { cluster: 'c', node: 'n', incarnation: 'joined' };
  const ledger = await openLedger({ path, openWriter, joined, clock: systemClock, ids: systemIds, log: silentLog });
  open.push(ledger);
  return ledger;
}

test('every way of damage is survived: cut short, garbage inside, another database, emptied', async () => {
  const damages: Readonly<Record<string, () => void>> = {
    'cut short': () => truncateSync(path, 5_000),
    'garbage inside': () => {
      const bytes = readFileSync(path);
      bytes.fill(0xa5, 4_096, 16_384);
      writeFileSync(path, bytes);
    },
    'another database': () => {
      rmSync(path);
      const other = new Database(path);
      other.exec('CREATE TABLE songs (title TEXT)');
      other.close();
    },
    'a ledger without its tables': () => {
      const same = new Database(path);
      same.exec('DROP TABLE outbox');
      same.close();
    },
    emptied: () => writeFileSync(path, ''),
  };
  for (const [name, damage] of Object.entries(damages)) {
    const first = await ledgerWith();
    for (let count = 1; count <= 30; count += 1)
      await first.commit([{ kind: 'k', key: String(count), value: 'x'.repeat(500) }], []);
    await first.close();
    damage();
    const second = await ledgerWith();
    expect(second.memory().rows('k').size, name).toBe(0);
    expect(second.setAside !== undefined, name).toBe(name !== 'emptied');
    expect(second.documents().removalsAllowed, name).toBe(false);
    await second.close();
    rmSync(path);
  }
  expect(
    readdirSync(folder).filter((file) => file.includes('damaged') && !file.endsWith('-wal') && !file.endsWith('-shm')),
  ).toHaveLength(4);
});

test('room is kept for when the disk is full: free pages in the file, and a log that is long already', async () => {
  const fill = async (ledger: NodeLedger, rows: number, bytes: number) => {
    for (let row = 0; row < rows; row += 1)
      await ledger.commit([{ kind: 'k', key: `${rows}-${row}`, value: 'x'.repeat(bytes) }], []);
    await ledger.close();
  };
  const ledger = await ledgerWith();
  const before = statSync(path).size;
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(RESERVE_PAGES * 4_096);
  await fill(ledger, RESERVE_PAGES / 4, 2_000);
  expect(statSync(path).size).toBe(before);
  await fill(await ledgerWith(), RESERVE_PAGES, 5_000);
  const raw = new Database(path, { readonly: true });
  expect(raw.pragma('freelist_count', { simple: true })).toBeGreaterThanOrEqual(RESERVE_PAGES / 2);
  raw.close();
});

test('a ledger that another process has open is refused, and goes on there', async () => {
  const child = spawn(process.execPath, ['test/support/ledger-child.ts', path, '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = (word: RegExp) =>
    new Promise<void>((resolve) => child.stdout.on('data', (chunk: Buffer) => word.test(chunk.toString()) && resolve()));
  try {
    await told(/committed/);
    await expect(ledgerWith(ledgerWriter(systemDisk(silentLog)))).rejects.toMatchObject({
      code: 'InUse',
      message: expect.stringContaining(path),
    });
    await told(/committed/);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a release on trial changes the schema by addition only: the one before goes on with the ledger, until the new one stays', async () => {
  const steps = [
    ...SCHEMA,
    { version: 2, kind: 'additive', sql: 'CREATE TABLE notes (note TEXT); ALTER TABLE outbox ADD COLUMN size INTEGER' },
    {
      version: 3,
      kind: 'destructive',
      sql: 'DROP TABLE retained; CREATE TABLE retained (key TEXT PRIMARY KEY, hash TEXT NOT NULL)',
    },
  ] as const;
  const newer = (onTrial: boolean) => (file: Parameters<OpenLedgerWriter>[0]) => testLedgerWriter()({ ...file, steps, onTrial });
  const addRow = async (key: string, openWriter?: OpenLedgerWriter) => {
    const ledger = await ledgerWith(openWriter);
    await ledger.commit([{ kind: 'k', key, value: 1 }], []);
    const found = [ledger.setAside, [...ledger.memory().rows('k').keys()].join('')];
    await ledger.close();
    return found;
  };
  expect(await addRow('a')).toEqual([undefined, 'a']);
  expect(await addRow('b', newer(true))).toEqual([undefined, 'ab']);
  expect(await addRow('c')).toEqual([undefined, 'abc']);
  expect(await addRow('d', newer(false))).toEqual([undefined, 'abcd']);
  await expect(addRow('e')).rejects.toMatchObject({ code: 'LedgerTooNew' });
  expect(await addRow('f', newer(true))).toEqual([undefined, 'abcdf']);
});

test('a ledger of a later release is refused, not touched', async () => {
  const first = await ledgerWith();
  await first.close();
  const later = new Database(path);
  later.exec("PRAGMA user_version = 9; UPDATE meta SET value = '9' WHERE name = 'usableFrom'");
  later.close();
  await expect(ledgerWith()).rejects.toMatchObject({
    code: 'LedgerTooNew',
    message: expect.stringMatching(/schema 9, for those that know 9; this one knows 1/),
  });
  expect(existsSync(path)).toBe(true);
});
