import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sleep, systemClock } from '#lib/clock.ts';
import { seededIds } from '#lib/ids.ts';
import type { SkerryError } from '#lib/error.ts';
import { testLedgerWriter } from '../../../test/support/ledger-writer.ts';
import type { RowOp } from './rows.ts';

let folder = '';
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-synced-'));
  path = join(folder, 'ledger.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const row = (key: string, value: string): RowOp => ['putMemory', 'k', key, value];

const SECTOR_BYTES = 512;
const SLOTS = 24;

test('a power cut at any moment loses nothing that was acknowledged, and never half a commit', { timeout: 120_000 }, async () => {
  const chance = seededIds(4);
  /** What of each file a power cut leaves for certain. */
  const safe: Record<string, Buffer> = {};
  let [acknowledged, written, cuts, moves] = [0, 0, 0, 0];
  const cut = () => {
    for (let variant = 0; variant < 6; variant += 1) {
      cuts += 1;
      const copy = join(folder, 'copy.db');
      rmSync(`${copy}-shm`, { force: true });
      for (const companion of ['', '-wal'])
        writeFileSync(`${copy}${companion}`, torn(safe[companion], readIfThere(`${path}${companion}`), chance.random));
      const found = slotsOf(copy);
      if (acknowledged === 0 && found.length === 0) continue;
      expect(new Set(found).size, `one commit after ${acknowledged}: ${found.join(' ')}`).toBe(1);
      expect(found[0]).toBeGreaterThanOrEqual(acknowledged);
      expect(found[0]).toBeLessThanOrEqual(written);
      expect(found).toHaveLength(SLOTS);
    }
  };
  const sync = async (descriptor: number) => {
    const name = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (name === folder) return;
    if (name === path) moves += 1;
    if ('' in safe) cut();
    safe[name.slice(path.length)] = readFileSync(name);
  };
  const { writer } = await testLedgerWriter()({ path, stamp: '' });
  await writer.close();
  // The empty ledger: what it takes to make one is SQLite's.
  Object.assign(safe, { '': readFileSync(path), '-wal': Buffer.alloc(0) });
  const opened = await testLedgerWriter({ sync })({ path, stamp: '' });
  for (let count = 1; count <= 70; count += 1) {
    written = count;
    const bytes = Math.floor(chance.random() ** 3 * 6_000);
    const ops = Array.from({ length: SLOTS }, (_, slot) => row(String(slot), `${count} ${'x'.repeat(bytes)}`));
    await opened.writer.write(ops);
    acknowledged = count;
    cut();
  }
  await opened.writer.close();
  expect(slotsOf(path)).toEqual(Array.from({ length: SLOTS }, () => 70));
  expect(moves).toBeGreaterThan(5);
  expect(cuts).toBeGreaterThan(600);
});

/** Of what was written since the last sync any part may be on the disk. */
function torn(before: Buffer = Buffer.alloc(0), after: Buffer, random: () => number): Buffer {
  const whole = Buffer.alloc(random() < 0.5 ? before.length : after.length);
  const kept = Math.min(whole.length, before.length);
  before.copy(whole, 0, 0, kept);
  const sectors = Math.ceil(whole.length / SECTOR_BYTES);
  const share = random();
  const edge = Math.floor(random() * sectors);
  const isNew = [() => true, () => false, () => random() < share, (at: number) => at > edge, (at: number) => at < edge][
    Math.floor(random() * 5)
  ];
  for (let at = 0; at < sectors; at += 1)
    if (isNew?.(at) === true) after.copy(whole, at * SECTOR_BYTES, at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES);
  return whole;
}

function slotsOf(file: string): readonly number[] {
  const database = new Database(file);
  try {
    database.pragma('synchronous = OFF');
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    return database
      .prepare("SELECT value FROM memory WHERE kind = 'k'")
      .pluck()
      .all()
      .map((value) => Number.parseInt(String(value), 10));
  } finally {
    database.close();
  }
}

const readIfThere = (name: string) => (existsSync(name) ? readFileSync(name) : Buffer.alloc(0));

test(
  'a disk that takes half a second for a sync delays acknowledgements, not the main loop',
  { timeout: 60_000, retry: 2 },
  async () => {
    const SYNC_MS = 500;
    let slow = false;
    let synced = 0;
    const sync = async () => {
      if (slow) await sleep(systemClock, SYNC_MS, new AbortController().signal);
      synced += 1;
    };
    const { writer } = await testLedgerWriter({ sync })({ path, stamp: '' });
    // So that the log is moved while we look.
    for (let count = 0; count < 10; count += 1) await writer.write([row('big', 'x'.repeat(80_000 + count))]);
    slow = true;
    synced = 0;
    let last = systemClock.monotonic();
    let heldMs = 0;
    const beat = setInterval(() => {
      const now = systemClock.monotonic();
      heldMs = Math.max(heldMs, now - last);
      last = now;
    }, 1);
    const start = systemClock.monotonic();
    const acknowledgedMs: number[] = [];
    try {
      for (let count = 0; count < 4; count += 1) {
        await writer.write([row('big', 'y'.repeat(80_000 + count))]);
        acknowledgedMs.push(systemClock.monotonic() - start);
      }
    } finally {
      clearInterval(beat);
      slow = false;
    }
    // One sync in the loop would hold it for as long as that; a busy machine does for less.
    expect(heldMs).toBeLessThan(SYNC_MS / 2);
    // One each, and two for the log that was moved and begun anew.
    expect(synced).toBe(6);
    expect(acknowledgedMs[0]).toBeGreaterThanOrEqual(SYNC_MS - 5);
    expect(acknowledgedMs[3]).toBeGreaterThanOrEqual(6 * SYNC_MS - 30);
    await writer.close();
  },
);

test('after a sync that failed nothing is acknowledged any more, and the file is left as it is', async () => {
  let broken = false;
  const lost: SkerryError[] = [];
  const { writer } = await testLedgerWriter({
    sync: async () => {
      if (broken) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    },
    lost: (error) => lost.push(error),
  })({ path, stamp: '' });
  await writer.write([row('a', '1')]);
  broken = true;
  const refused = { code: 'LedgerFailed', message: expect.stringContaining('what of it is on the disk is unknown') };
  const waiting = [writer.write([row('b', '1')]), writer.write([row('c', '1')])];
  for (const write of waiting) await expect(write).rejects.toMatchObject(refused);
  broken = false;
  await expect(writer.write([row('d', '1')])).rejects.toMatchObject(refused);
  expect(lost).toHaveLength(1);
  const log = readFileSync(`${path}-wal`);
  await writer.close();
  expect(readFileSync(`${path}-wal`)).toEqual(log);
});

test('a process that ends without closing its ledger leaves it synced and closed', async () => {
  const child = spawn(process.execPath, ['test/support/ledger-child.ts', path, '1', '40'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve) => void child.on('exit', resolve));
  expect(code).toBe(3);
  expect(existsSync(`${path}-wal`)).toBe(false);
  const { rows, writer } = await testLedgerWriter()({ path, stamp: '' });
  expect(rows.memory).toHaveLength(40);
  await writer.close();
});
