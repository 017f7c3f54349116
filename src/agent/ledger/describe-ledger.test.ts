import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { canonicalBytes, hashOf } from '#api/link/canonical.ts';
import { digestOf, signStatement } from '#api/link/statement.ts';
import { clusterKeys } from '../../../test/support/link-documents.ts';
import { describeLedger } from './describe-ledger.ts';
import { testLedgerWriter } from '../../../test/support/ledger-writer.ts';
import { openLedger } from './node-ledger.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ledger-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const described = (path: string) => {
  const scratch = mkdtempSync(join(folder, 'scratch-'));
  return describeLedger(path, scratch);
};

test('names and states are told, and what is secret only apart; the ledger stays open meanwhile', async () => {
  const path = join(folder, 'ledger.db');
  const ledger = await openLedger({
    path,
    openWriter: testLedgerWriter(),
    joined: { cluster: 'c', node: 'n', incarnation: 'joined' },
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
  });
  const items = [
    {
      kind: 'Pod',
      metadata: { namespace: 'default', name: 'web-1', uid: 'u1' },
      spec: { containers: [{ name: 'app', env: [{ name: 'K', value: 'value-of-env' }], command: ['never-told'] }] },
    },
    {
      kind: 'Secret',
      metadata: { namespace: 'default', name: 's' },
      data: { p: Buffer.from('value-of-secret').toString('base64') },
    },
    { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'c' }, data: { p: 'value-of-config' } },
  ].map((item, at) => ({ key: `item/${at}`, bytes: canonicalBytes(item), hash: hashOf(canonicalBytes(item)) }));
  const index = new Map(items.map(({ key, hash }) => [key, hash]));
  const statement = { cluster: 'c', node: 'n', incarnation: 'joined', confirmed: false, rev: 7, digest: digestOf(index) };
  await ledger.accept({
    signed: signStatement(statement, clusterKeys.privateKey),
    index,
    items: new Map(items.map(({ hash, bytes }) => [hash, bytes])),
  });
  const status = {
    phase: 'Running',
    message: 'never-told',
    containerStatuses: [{ name: 'app', ready: true, restartCount: 2, state: { running: {} } }],
  };
  await ledger.commit([{ kind: 'statuses', key: 'u1', value: status }], []);
  const { summary, secrets } = described(path);
  expect(summary).toMatchObject({
    schemaVersion: 1,
    integrity: 'ok',
    rows: { items: 3, memory: 1 },
    pods: [
      {
        namespace: 'default',
        name: 'web-1',
        uid: 'u1',
        phase: 'Running',
        containers: [{ name: 'app', ready: true, restarts: 2, state: 'running' }],
      },
    ],
  });
  expect(JSON.stringify(summary)).not.toMatch(/value-of|never-told/);
  for (const value of ['value-of-env', 'value-of-secret', 'value-of-config']) expect(secrets).toContain(value);
  await ledger.close();
});

test('a ledger that another process writes to without a pause is read whole, again and again, and goes on there', async () => {
  const path = join(folder, 'ledger.db');
  const child = spawn(process.execPath, ['test/support/ledger-child.ts', path, '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = 0;
  let wake = () => {};
  child.stdout.on('data', (chunk: Buffer) => {
    for (const [, count] of chunk.toString().matchAll(/committed (\d+)/g)) last = Number(count);
    wake();
  });
  const beyond = async (count: number) => {
    while (last <= count) await new Promise<void>((resolve) => (wake = resolve));
  };
  try {
    await beyond(0);
    let counted = 0;
    for (let turn = 0; turn < 20; turn += 1) {
      // The child goes on between two looks, and during them.
      const acknowledged = last;
      const { summary } = described(path);
      expect(summary.integrity).toBe('ok');
      const rows = summary.rows['memory'] ?? 0;
      expect(rows).toBeGreaterThanOrEqual(Math.max(acknowledged, counted));
      counted = rows;
      await beyond(last);
    }
  } finally {
    child.kill('SIGKILL');
  }
});

test('what is not there, or no database, is an error and no new file', () => {
  expect(() => described(join(folder, 'none.db'))).toThrow(/none\.db: it is not there/);
});
