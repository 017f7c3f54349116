import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { seededIds, systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { testLedgerWriter } from '../../../test/support/ledger-writer.ts';
import { openLedger } from './node-ledger.ts';

const ROUNDS = 8;
const WRITES_MAX = 60;

test('kill -9 at any moment loses nothing that was acknowledged, and no seq is given out twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-kill-'));
  const path = join(folder, 'ledger.db');
  const chance = seededIds(7);
  let committed = 0;
  let accepted = 0;
  let epoch = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    const seen = await childUntil(path, committed + 1000 * round + 1, 1 + Math.floor(chance.random() * WRITES_MAX));
    committed = Math.max(committed, seen.committed);
    accepted = Math.max(accepted, seen.accepted);
    if (epoch === '') epoch = seen.epoch;
    const ledger = await openLedger({
      path,
      openWriter: testLedgerWriter(),
      joined: { cluster: 'c', node: 'n', incarnation: 'joined' },
      clock: systemClock,
      ids: systemIds,
      log: silentLog,
    });
    expect(ledger.setAside).toBeUndefined();
    const rows = ledger.memory().rows('counted');
    const records = ledger.records(0, 1e6, 1e9);
    for (const count of seen.counts) expect(rows.get(String(count)), `memory ${count}`).toBe(count);
    const uids = records.map((record) =>
      'report' in record && record.report.class === 'decision' ? record.report.body.uid : '',
    );
    expect([...rows.keys()].toSorted()).toEqual(uids.toSorted());
    expect(new Set(records.map(({ seq }) => seq)).size).toBe(records.length);
    expect(ledger.outbox().lastSeq).toBe(records.length);
    expect(ledger.outbox().epoch).toBe(epoch);
    expect(ledger.held()?.signed.statement.rev ?? 0).toBeGreaterThanOrEqual(accepted);
    expect(ledger.documents().items.size).toBe(ledger.held()?.index.size ?? 0);
    await ledger.close();
  }
  expect(committed).toBeGreaterThan(ROUNDS);
  rmSync(folder, { recursive: true });
});

/** Runs the writer until it has told of so many lines, then kills it. */
async function childUntil(path: string, from: number, lines: number) {
  const child = spawn(process.execPath, ['test/support/ledger-child.ts', path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.split('\n').length > lines + 1) child.kill('SIGKILL');
  });
  await new Promise<void>((resolve) => void child.on('close', () => resolve()));
  const told = (word: string) => [...text.matchAll(new RegExp(`^${word} (\\d+)\\n`, 'gm'))].map((match) => Number(match[1]));
  const counts = told('committed');
  return {
    epoch: /^epoch (.+)$/m.exec(text)?.[1] ?? '',
    counts,
    committed: Math.max(0, ...counts),
    accepted: Math.max(0, ...told('accepted')),
  };
}
