import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { systemIds as ids } from '../../lib/ids.ts';
import { silentLog as log } from '../../lib/log.ts';
import { loadOrCreatePki, type Pki } from './pki.ts';
import { LOOK_MS, startRenewal } from './renewal.ts';

const DAY_MS = 86_400_000;

test('a server that runs for most of a year has its administrator’s certificate made anew before it ends', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'renewal-'));
  const clock = manualClock();
  const stop = new AbortController();
  try {
    let addresses = ['10.0.0.1'];
    const load = () => loadOrCreatePki({ dataDir, hosts: addresses, clock, ids });
    const first = await load();
    const made: Pki[] = [];
    startRenewal({ pki: first, load, renewed: (pki) => made.push(pki), clock, ids, log }, stop.signal);
    await clock.advance(2 * LOOK_MS);
    expect(made).toEqual([]);
    await clock.advance(250 * DAY_MS);
    await eventually(() => made.length === 1, 'the certificate is made anew');
    expect(made[0]?.admin.key).toBe(first.admin.key);
    expect(Date.parse(new X509Certificate(made[0]?.admin.certificate ?? '').validTo)).toBeGreaterThan(clock.now() + 300 * DAY_MS);
    addresses = ['10.0.0.2'];
    await clock.advance(2 * LOOK_MS);
    await eventually(() => made.length === 2, 'the server has its new address');
    expect(new X509Certificate(made[1]?.server.certificate ?? '').checkIP('10.0.0.2')).toBe('10.0.0.2');
  } finally {
    stop.abort();
    rmSync(dataDir, { recursive: true });
  }
});
