import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { systemIds as ids } from '../../lib/ids.ts';
import { logTo, silentLog as log } from '../../lib/log.ts';
import { createCa, newKey } from '../../net/tls/certificates.ts';
import { loadOrCreatePki, type Pki } from './pki.ts';
import { CLOCK_LOOK_MS, LOOK_MS, clockTrouble, startRenewal } from './renewal.ts';

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

test('a clock that is set while the server runs has made anew what it made too short, and is told while it can not be right', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'renewal-'));
  const running = manualClock();
  const stop = new AbortController();
  let setMs = -running.now();
  const clock = { ...running, now: () => running.now() + setMs };
  try {
    const load = () => loadOrCreatePki({ dataDir, hosts: [], clock, ids });
    const first = await load();
    const made: Pki[] = [];
    const told: string[] = [];
    const telling = logTo((line) => told.push(line), 'warn', 'json');
    startRenewal({ pki: first, load, renewed: (pki) => made.push(pki), clock, ids, log: telling }, stop.signal);
    await clock.advance(10 * CLOCK_LOOK_MS);
    await eventually(() => told.length === 1, 'the clock is told');
    expect(told[0]).toMatch(/"clock":"1970-01-01T.*timedatectl.*before this release was made/);
    setMs = 2 * 365 * DAY_MS;
    await clock.advance(CLOCK_LOOK_MS);
    await eventually(() => made.length === 1, 'the administrator’s certificate is made anew');
    const { admin } = made[0] ?? first;
    expect(Date.parse(new X509Certificate(admin.certificate).validTo)).toBeGreaterThan(clock.now() + 300 * DAY_MS);
    expect(told).toHaveLength(1);
  } finally {
    stop.abort();
    rmSync(dataDir, { recursive: true });
  }
});

test('a clock is told to be wrong where no client could believe the CA, and nowhere else', async () => {
  const nowMs = Date.UTC(2027, 0, 1);
  const ca = await createCa('test', newKey(), { nowMs, ids });
  const check = (atMs: number, expected: RegExp | undefined) => expect(clockTrouble(ca, atMs) ?? '').toMatch(expected ?? /^$/);
  check(-1, /before this cluster's CA is good/);
  check(0, /before this release was made/);
  check(nowMs - 300 * DAY_MS, undefined);
  check(nowMs, undefined);
  check(nowMs + 21 * 365 * DAY_MS, /after the end of this cluster's CA/);
});
