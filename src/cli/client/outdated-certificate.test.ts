import { expect, test } from 'vitest';
import { systemIds as ids } from '#lib/ids.ts';
import { createCa, issueClientCertificate, newKey } from '#net/tls/certificates.ts';
import { outdatedCertificate } from './outdated-certificate.ts';

const NOW = Date.UTC(2027, 0, 1, 12);
const HOUR_MS = 3_600_000;

test('a user’s certificate that has ended, or not begun, is told with the clock of this machine', async () => {
  const key = newKey();
  const ca = { key, certificate: await createCa('test', key, { nowMs: NOW, ids }) };
  const draft = { key: newKey(), user: 'jane', groups: [], ttlMs: HOUR_MS };
  const certificate = await issueClientCertificate(ca, draft, { nowMs: NOW, ids });
  const check = (nowMs: number, expected: RegExp) => expect(outdatedCertificate(certificate, nowMs) ?? '').toMatch(expected);
  check(NOW, /^$/);
  check(NOW - 23 * HOUR_MS, /^$/);
  check(NOW + HOUR_MS, /was good until 2027-01-01T13:00:00Z, and the clock of this machine says 2027-01-01T13:00:00Z$/);
  check(0, /is good from 2026-12-31T12:00:00Z on, and the clock of this machine says 1970-01-01T00:00:00Z$/);
  expect(outdatedCertificate('garbage', 0)).toBeUndefined();
  expect(outdatedCertificate(undefined, 0)).toBeUndefined();
});
