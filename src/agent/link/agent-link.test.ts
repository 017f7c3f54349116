import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { sleep } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import type { LinkLedger } from '../ledger/link-ledger.ts';
import { createAgentLink } from './agent-link.ts';
import { STABLE_MS } from './backoff.ts';

/** A link whose every attempt fails after so long; the times at which each began. */
function failing(attemptMs: number) {
  const clock = manualClock();
  const begun: number[] = [];
  const link = createAgentLink({
    transport: {
      connect: async (_handlers, signal) => {
        begun.push(clock.monotonic());
        await sleep(clock, attemptMs, signal);
        throw new SkerryError('Unreachable', 'connect to the server');
      },
    },
    // Never asked: no attempt gets so far.
    ledger: {} as LinkLedger,
    cluster: 'c',
    node: 'n',
    publicKey: generateKeyPairSync('ed25519').publicKey,
    release: '0',
    bootId: 'b',
    keepaliveMs: 240_000,
    onCommand: async () => null,
    clock,
    ids: { ...seededIds(1), random: () => 0.999 },
    log: silentLog,
  });
  link.start();
  return { clock, begun, link };
}

test('a network that comes up cuts the back-off short', async () => {
  const { clock, begun, link } = failing(0);
  await clock.advance(600_000);
  const before = begun.length;
  await clock.advance(1_000);
  expect(begun.length).toBe(before);
  link.retryNow();
  await clock.settle();
  expect(begun.length).toBe(before + 1);
  await link.stop();
});

test('an attempt that takes long to fail is no connection that held', async () => {
  const { clock, begun, link } = failing(STABLE_MS + 1_000);
  await clock.advance(3_600_000);
  const waits = begun.slice(1).map((at, index) => at - (begun[index] ?? 0) - STABLE_MS - 1_000);
  expect(Math.max(...waits)).toBeGreaterThan(200_000);
  await link.stop();
});
