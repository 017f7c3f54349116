import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Mode } from './layout.ts';

/** How long a start may take: it checks whole databases, so that depends on their size. The one rule for systemd's patience and a trial's. */
const START_MS_MIN = 120_000;
/** Of a poor card, as read by an integrity check. */
const READ_BYTES_PER_MS = 4_000;
/** From there until it is healthy: long enough for a board whose engine starts after it; short enough for someone who waits. */
const HEALTHY_MS_MAX = 480_000;

const DATABASES: Readonly<Record<Mode, readonly string[]>> = {
  server: ['server/state.db', 'agent/ledger.db'],
  agent: ['agent/ledger.db'],
};

/** Of what a start of this mode has to read, as it is now. */
export function databaseBytes(mode: Mode, dataDir: string): number {
  const sizes = DATABASES[mode].map((file) => statSync(join(dataDir, file), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

export function startMsMax(bytes: number): number {
  return START_MS_MIN + Math.ceil(bytes / READ_BYTES_PER_MS);
}

/** What a release on trial has in each boot; of a small database, ten minutes. */
export function trialSecondsMax(bytes: number): number {
  return Math.ceil((startMsMax(bytes) + HEALTHY_MS_MAX) / 1_000);
}
