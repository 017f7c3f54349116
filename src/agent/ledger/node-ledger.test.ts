import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { seededIds, systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { hashOf } from '#api/link/canonical.ts';
import { digestOf, signStatement } from '#api/link/statement.ts';
import type { Report } from '#api/link/reports.ts';
import { clusterKeys, documentOf } from '../../../test/support/link-documents.ts';
import { systemDisk } from './disk.ts';
import { testLedgerWriter } from '../../../test/support/ledger-writer.ts';
import type { NodeLedger } from './link-ledger.ts';
import { openLedger, type LedgerOptions } from './node-ledger.ts';
import type { OutboxLimits } from './outbox.ts';
import { ledgerWriter } from './synced-writer.ts';
import type { OpenLedgerWriter } from './writer.ts';

let folder = '';
let path = '';
const open: NodeLedger[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  path = join(folder, 'ledger.db');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((ledger) => ledger.close()));
  rmSync(folder, { recursive: true });
});

const joined = { cluster: 'c', node: 'n', incarnation: 'joined' };

async function ledgerWith(
  openWriter: OpenLedgerWriter = testLedgerWriter(),
  more: Partial<LedgerOptions> = {},
): Promise<NodeLedger> {
  const ledger = await openLedger({ path, openWriter, joined, clock: systemClock, ids: systemIds, log: silentLog, ...more });
  open.push(ledger);
  return ledger;
}

async function reopened(ledger: NodeLedger, openWriter?: OpenLedgerWriter): Promise<NodeLedger> {
  await ledger.close();
  return ledgerWith(openWriter);
}

const event = (message: string): Report => ({
  class: 'event',
  body: { involved: { kind: 'Pod', name: 'p' }, type: 'Normal', reason: 'R', message, time: 't', count: 1 },
});
const state = (uid: string, phase: string, gone = false): Report => ({
  class: 'state',
  key: `pods/${uid}`,
  body: { uid, namespace: 'default', name: uid, status: { phase }, ...(gone ? { gone: true } : {}) },
});
const verdict = (uid: string): Report => ({
  class: 'decision',
  body: { type: 'verdict', uid, phase: 'Failed', reason: 'r', message: '' },
});

/** The outbox as sentences: `3 event hello`. */
function told(ledger: NodeLedger, after = 0): readonly string[] {
  return ledger.records(after, 10_000, 1e9).map((record) => {
    if ('lost' in record) return `${record.seq} lost ${record.lost.count} from ${record.lost.fromSeq}`;
    const { report } = record;
    switch (report.class) {
      case 'event':
        return `${record.seq} event ${report.body.message}`;
      case 'state':
        return `${record.seq} ${report.key} ${'phase' in report.body.status ? report.body.status.phase : ''}`;
      case 'decision':
        return `${record.seq} verdict ${report.body.uid}`;
    }
  });
}

const names = (ledger: NodeLedger): readonly string[] => [...ledger.documents().items.keys()].toSorted();

describe.each([
  ['without a disk to wait for', testLedgerWriter()],
  ['on the disk', ledgerWriter(systemDisk(silentLog))],
] as const)('the ledger, %s', (_where, openWriter) => {
  test('keeps documents, memory and outbox across a restart', async () => {
    const first = await ledgerWith(openWriter);
    expect(first.documents()).toEqual({ items: new Map(), removalsAllowed: false });
    await first.accept(documentOf({ rev: 5, pods: ['a', 'b'] }));
    await first.commit([{ kind: 'addresses', key: 'a', value: '10.32.0.5' }], [verdict('a')]);
    await first.commit([], [event('hello'), state('a', 'Running')]);
    const second = await reopened(first, openWriter);
    expect(names(second)).toEqual(['pods/a', 'pods/b']);
    expect(second.documents().items.get('pods/a')?.item.kind).toBe('Pod');
    expect(second.documents().removalsAllowed).toBe(true);
    expect(second.memory().rows('addresses')).toEqual(new Map([['a', '10.32.0.5']]));
    expect(told(second)).toEqual(['1 verdict a', '2 event hello', '3 pods/a Running']);
    expect(second.outbox()).toEqual({ epoch: first.outbox().epoch, ackedSeq: 0, lastSeq: 3 });
    expect(second.held()?.signed.statement.rev).toBe(5);
    for (const companion of ['', '-wal']) expect(statSync(`${path}${companion}`).mode & 0o777).toBe(0o600);
  });

  test('sets a damaged file aside, says so, and goes on with a new one', async () => {
    const first = await ledgerWith(openWriter);
    await first.accept(documentOf({ rev: 5, pods: ['a'] }));
    await first.commit([], [event('hello')]);
    await first.close();
    writeFileSync(path, 'this is no database'.repeat(500));
    const second = await ledgerWith(openWriter);
    expect(second.setAside?.why).toMatch(/not a database/);
    expect(readFileSync(second.setAside?.path ?? '', 'utf8')).toMatch(/^this is no database/);
    expect(second.documents()).toEqual({ items: new Map(), removalsAllowed: false });
    expect(second.outbox().epoch).not.toBe(first.outbox().epoch);
    await second.accept(documentOf({ rev: 5, pods: ['a'] }));
    expect(second.documents().removalsAllowed).toBe(true);
  });

  test('a write that the disk refuses has no effect, and the next one goes through', async () => {
    await (await ledgerWith(openWriter)).close();
    const blocker = new Database(path, { timeout: 0 });
    blocker.exec(
      "CREATE TRIGGER full BEFORE INSERT ON memory WHEN NEW.key = 'x' BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
    );
    blocker.close();
    const ledger = await ledgerWith(openWriter);
    await expect(ledger.commit([{ kind: 'k', key: 'x', value: 1 }], [event('no')])).rejects.toMatchObject({
      code: 'LedgerFailed',
    });
    expect(told(ledger)).toEqual([]);
    expect(ledger.memory().rows('k').size).toBe(0);
    await ledger.commit([{ kind: 'k', key: 'y', value: 1 }], [event('yes')]);
    expect(told(ledger)).toEqual(['1 event yes']);
  });
});

test('nothing is written when nothing changed', async () => {
  const ledger = await ledgerWith();
  const written = () => hashOf(readFileSync(`${path}-wal`));
  await ledger.accept(documentOf({ rev: 5, pods: ['a'] }));
  await ledger.commit([{ kind: 'k', key: 'x', value: { b: 1, a: 2 } }], [state('a', 'Running')]);
  const before = written();
  const documents = ledger.documents();
  await ledger.accept(documentOf({ rev: 9, pods: ['a'] }));
  await ledger.commit(
    [
      { kind: 'k', key: 'x', value: { a: 2, b: 1 } },
      { kind: 'k', key: 'never', value: undefined },
    ],
    [state('a', 'Running')],
  );
  expect(written()).toBe(before);
  expect(ledger.documents()).toBe(documents);
  await ledger.commit([], [state('a', 'Failed')]);
  expect(written()).not.toBe(before);
});

test('outbox: states replace each other at the end, events and decisions keep their place', async () => {
  const ledger = await ledgerWith();
  await ledger.commit([], [state('a', 'Pending'), event('1'), state('b', 'Pending'), verdict('b'), state('a', 'Running')]);
  expect(told(ledger)).toEqual(['2 event 1', '3 pods/b Pending', '4 verdict b', '5 pods/a Running']);
  const { epoch } = ledger.outbox();
  ledger.acknowledged('another', 4);
  ledger.acknowledged(epoch, 99);
  expect(ledger.outbox().ackedSeq).toBe(0);
  ledger.acknowledged(epoch, 4);
  expect(told(ledger)).toEqual(['5 pods/a Running']);
  await ledger.commit([], [state('a', 'Running'), state('b', 'Pending')]);
  expect(told(ledger)).toEqual(['5 pods/a Running']);
  await ledger.repeatStates();
  expect(told(ledger)).toEqual(['5 pods/a Running', '6 pods/b Pending']);
  const again = await reopened(ledger);
  expect(again.outbox()).toEqual({ epoch, ackedSeq: 4, lastSeq: 6 });
  await again.renewEpoch();
  expect(again.outbox()).toMatchObject({ ackedSeq: 0, lastSeq: 2 });
  expect(again.outbox().epoch).not.toBe(epoch);
  expect(told(await reopened(again))).toEqual(['1 pods/a Running', '2 pods/b Pending']);
});

test('outbox: what was told last can be told again after a restart; a pod that is gone is over', async () => {
  const first = await ledgerWith();
  await first.commit([], [state('a', 'Running'), event('1'), state('b', 'Failed', true)]);
  const { epoch } = first.outbox();
  first.acknowledged(epoch, 3);
  await first.commit([{ kind: 'k', key: 'x', value: 1 }], []);
  const second = await reopened(first);
  expect(told(second)).toEqual([]);
  await second.commit([], [state('a', 'Running')]);
  expect(second.outbox()).toEqual({ epoch, ackedSeq: 3, lastSeq: 3 });
  await second.renewEpoch();
  expect(told(second)).toEqual(['1 pods/a Running']);
  await second.commit([], [state('a', 'Failed')]);
  expect(told(await reopened(second))).toEqual(['2 pods/a Failed']);
});

test('outbox: what is known of a pod is told again when the document names it anew', async () => {
  const ledger = await ledgerWith();
  await ledger.accept(documentOf({ rev: 9, pods: ['a', 'b'] }));
  await ledger.commit([], [state('a', 'Running'), state('b', 'Running')]);
  ledger.acknowledged(ledger.outbox().epoch, 2);
  await ledger.accept(documentOf({ rev: 10, pods: ['b'] }));
  expect(told(ledger)).toEqual([]);
  await ledger.accept(documentOf({ rev: 11, pods: ['a', 'b', 'c'] }));
  expect(told(ledger)).toEqual(['3 pods/a Running']);
  await ledger.accept(documentOf({ rev: 12, pods: ['b', 'c'] }));
  await ledger.accept(documentOf({ rev: 13, pods: ['a', 'b', 'c'] }));
  expect(told(await reopened(ledger))).toEqual(['4 pods/a Running']);
});

test('outbox: all states are told again once a database is confirmed', async () => {
  const ledger = await ledgerWith();
  await ledger.accept(documentOf({ rev: 9, pods: ['a'] }));
  await ledger.commit([], [state('a', 'Running')]);
  ledger.acknowledged(ledger.outbox().epoch, 1);
  await ledger.accept(documentOf({ rev: 3, pods: ['a'], incarnation: 'restored', confirmed: false }));
  expect(told(ledger)).toEqual([]);
  await ledger.accept(documentOf({ rev: 4, pods: ['a'], incarnation: 'restored', confirmed: true }));
  expect(told(ledger)).toEqual(['2 pods/a Running']);
});

test('outbox: the end of a pod is told again for as long as the document names it', async () => {
  const ledger = await ledgerWith();
  await ledger.accept(documentOf({ rev: 9, pods: ['a'], deleting: ['a'] }));
  await ledger.commit([], [state('a', 'Failed', true)]);
  ledger.acknowledged(ledger.outbox().epoch, 1);
  await ledger.repeatStates();
  expect(told(ledger)).toEqual(['2 pods/a Failed']);
  ledger.acknowledged(ledger.outbox().epoch, 2);
  await ledger.accept(documentOf({ rev: 10, pods: [] }));
  await ledger.commit([], [event('1')]);
  await ledger.repeatStates();
  expect(told(ledger)).toEqual(['3 event 1']);
  const again = await reopened(ledger);
  await again.repeatStates();
  expect(told(again)).toEqual(['3 event 1']);
});

const small: OutboxLimits = { eventsMax: 2, decisionsMax: 2, statesMax: 2 };

test('outbox: a full ring drops its oldest events and says how many; decisions are refused instead', async () => {
  const ledger = await ledgerWith(testLedgerWriter(), { outboxLimits: small });
  await ledger.commit([], [event('1'), verdict('a'), event('2'), event('3'), event('4')]);
  expect(told(ledger)).toEqual(['2 verdict a', '3 lost 2 from 1', '4 event 3', '5 event 4']);
  await expect(ledger.commit([{ kind: 'k', key: 'x', value: 1 }], [verdict('b'), verdict('c')])).rejects.toMatchObject({
    code: 'OutboxFull',
    message: expect.stringMatching(/2 decisions.*1 wait/),
  });
  expect(ledger.memory().rows('k').size).toBe(0);
  await ledger.commit([], [verdict('b')]);
  await expect(ledger.commit([], [state('a', 'P'), state('b', 'P'), state('c', 'P')])).rejects.toMatchObject({
    code: 'OutboxFull',
  });
  await expect(ledger.commit([], [event('x'.repeat(200_000))])).rejects.toMatchObject({ code: 'RecordTooLarge' });
  const { epoch } = ledger.outbox();
  ledger.acknowledged(epoch, 6);
  await ledger.commit([], [event('5'), event('6'), event('7')]);
  expect(told(ledger)).toEqual(['7 lost 1 from 7', '8 event 6', '9 event 7']);
});

test('documents: a lower revision of the same incarnation is refused, so is an incarnation that was left', async () => {
  const ledger = await ledgerWith();
  await ledger.accept(documentOf({ rev: 5, pods: ['a', 'b'] }));
  await expect(ledger.accept(documentOf({ rev: 4, pods: ['a'] }))).rejects.toMatchObject({ code: 'StaleDocument' });
  await expect(ledger.accept(documentOf({ rev: 5, pods: ['a'] }))).rejects.toMatchObject({ code: 'StaleDocument' });
  await expect(ledger.accept(documentOf({ rev: 6, pods: [], node: 'other' }))).rejects.toMatchObject({ code: 'BadDocument' });
  await ledger.accept(documentOf({ rev: 2, pods: [], incarnation: 'new', confirmed: true }));
  expect(names(ledger)).toEqual([]);
  await expect(ledger.accept(documentOf({ rev: 9, pods: ['a'] }))).rejects.toMatchObject({ code: 'SupersededIncarnation' });
});

test('documents: under an unknown incarnation items come and change, nothing goes until it is confirmed', async () => {
  const ledger = await ledgerWith();
  await ledger.accept(documentOf({ rev: 5, pods: ['a', 'b', 'd'], deleting: ['d'] }));
  const changes: number[] = [];
  ledger.onDocuments(() => changes.push(1));
  await ledger.accept(documentOf({ rev: 1, pods: ['b', 'c', 'e'], deleting: ['b', 'e'], incarnation: 'new' }));
  expect(names(ledger)).toEqual(['pods/a', 'pods/b', 'pods/c', 'pods/d']);
  expect(ledger.documents().removalsAllowed).toBe(false);
  expect(ledger.documents().items.get('pods/b')?.item).not.toMatchObject({ metadata: { deletionTimestamp: expect.anything() } });
  const retained = (of: NodeLedger) =>
    [...of.documents().items.values()].flatMap((one) => (one.retained === true ? [one.key] : [])).toSorted();
  expect(retained(ledger)).toEqual(['pods/a', 'pods/b', 'pods/d']);
  await ledger.accept(documentOf({ rev: 2, pods: ['b'], deleting: ['b'], incarnation: 'new' }));
  const again = await reopened(ledger);
  expect(names(again)).toEqual(['pods/a', 'pods/b', 'pods/c', 'pods/d']);
  expect(retained(again)).toEqual(names(again));
  expect(again.held()?.index.size).toBe(1);
  await again.accept(documentOf({ rev: 2, pods: ['b'], deleting: ['b'], incarnation: 'new', confirmed: true }));
  expect(names(again)).toEqual(['pods/b']);
  expect(again.documents().items.get('pods/b')?.item).toMatchObject({ metadata: { deletionTimestamp: expect.anything() } });
  expect(again.documents().removalsAllowed).toBe(true);
  expect(retained(again)).toEqual([]);
  expect(changes).toHaveLength(2);
});

test('documents: bytes that are not what the index says are refused; unknown kinds are kept as received', async () => {
  const ledger = await ledgerWith();
  const whole = documentOf({ rev: 5, pods: ['a'] });
  const hash = whole.index.get('pods/a') ?? '';
  await expect(ledger.accept({ ...whole, items: new Map() })).rejects.toThrow(/pods\/a is missing/);
  await expect(ledger.accept({ ...whole, items: new Map([[hash, Buffer.from('{}')]]) })).rejects.toThrow(/another hash/);
  await expect(ledger.accept({ ...whole, index: new Map() })).rejects.toThrow(/not the one that was signed/);
  const bytes = Buffer.from('{"kind":"Poem","verse": 1.0 }');
  const broken = Buffer.from('not json');
  const index = new Map([
    ['poems/x', hashOf(bytes)],
    ['poems/y', hashOf(broken)],
  ]);
  const statement = { cluster: 'c', node: 'n', incarnation: 'joined', confirmed: false, rev: 6, digest: digestOf(index) };
  const items = new Map([
    [hashOf(bytes), bytes],
    [hashOf(broken), broken],
  ]);
  await ledger.accept({ signed: signStatement(statement, clusterKeys.privateKey), index, items });
  const again = await reopened(ledger);
  expect(again.documents().items.get('poems/x')?.hash).toBe(hashOf(bytes));
  expect(names(again)).toEqual(['poems/x']);
  expect(again.hasItem(hashOf(broken))).toBe(true);
  await again.close();
  const raw = new Database(path, { readonly: true });
  expect(raw.prepare('SELECT bytes FROM items WHERE hash = ?').pluck().get(hashOf(bytes))).toEqual(bytes);
  raw.close();
});

test('a node that joins again trusts the incarnation it joined under', async () => {
  const first = await ledgerWith();
  await first.accept(documentOf({ rev: 5, pods: ['a'] }));
  await first.close();
  const second = await ledgerWith(testLedgerWriter(), { joined: { ...joined, incarnation: 'rejoined' } });
  await second.accept(documentOf({ rev: 2, pods: [], incarnation: 'rejoined' }));
  expect(names(second)).toEqual([]);
  expect(second.documents().removalsAllowed).toBe(true);
});

test('many commits at once are one write, in their order', async () => {
  const ledger = await ledgerWith(testLedgerWriter(), { ids: seededIds(1) });
  await Promise.all(
    Array.from({ length: 500 }, (_, count) =>
      ledger.commit([{ kind: 'k', key: String(count), value: count }], [event(String(count))]),
    ),
  );
  expect(told(ledger).map((line) => line.split(' ')[2])).toEqual(Array.from({ length: 500 }, (_, count) => String(count)));
});

test('it is alive while its disk is full, and not once its writer has failed', async () => {
  let failure: SkerryError | undefined;
  const failing: OpenLedgerWriter = async (file) => {
    const opened = await testLedgerWriter()(file);
    const write: typeof opened.writer.write = async (ops) => {
      if (failure !== undefined) throw failure;
      await opened.writer.write(ops);
    };
    return { ...opened, writer: { ...opened.writer, write } };
  };
  const ledger = await ledgerWith(failing);
  await ledger.alive();
  failure = new SkerryError('DiskFull', 'write the ledger');
  await ledger.alive();
  failure = new SkerryError('LedgerFailed', 'sync the ledger');
  await expect(ledger.alive()).rejects.toThrow('sync the ledger');
});
