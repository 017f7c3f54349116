import { X509Certificate } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { rfc3339 } from '#lib/time.ts';
import { EARLIEST_MS } from '#net/tls/certificates.ts';
import type { Pki } from './pki.ts';

/**
 * A server that runs for years has its certificates made anew in time, and when its addresses change or its clock is set, as a start would; and tells
 * of a clock that can not be right. What is done with them is the caller's; keys never change.
 */
export type RenewalOptions = {
  /** What the server began with. */
  readonly pki: Issued;
  /** As at a start: makes anew what is due. */
  readonly load: () => Promise<Pki>;
  readonly renewed: (pki: Pki) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

type Issued = Pick<Pki, 'ca' | 'server' | 'admin'>;

export const LOOK_MS = 6 * 3_600_000;
/** Boards start with a clock that is set some time later. */
export const CLOCK_LOOK_MS = 5 * 60_000;
const CLOCK_JUMP_MS = 3_600_000;
const KEY = 'certificates';
const REMEDY = 'set it: timedatectl set-ntp true (skerry doctor says more)';

export function startRenewal({ pki, load, renewed, clock, ids, log }: RenewalOptions, signal: AbortSignal): Runner {
  let current: Issued = pki;
  let lookedMs = -Infinity;
  /** The wall clock at the point that the other one counts from. */
  const wallMs = () => clock.now() - clock.monotonic();
  let lookedWallMs = wallMs();

  const run = async (): Promise<undefined> => {
    const isSet = Math.abs(wallMs() - lookedWallMs) >= CLOCK_JUMP_MS;
    if (!isSet && clock.monotonic() - lookedMs < LOOK_MS) return;
    const next = await load();
    [lookedMs, lookedWallMs] = [clock.monotonic(), wallMs()];
    const trouble = clockTrouble(current.ca.certificate, clock.now());
    if (trouble !== undefined) log.warn({ clock: rfc3339(clock.now()), remedy: REMEDY }, trouble);
    if (next.server.certificate === current.server.certificate && next.admin.certificate === current.admin.certificate) return;
    renewed(next);
    current = next;
    log.info('certificates were made anew');
  };
  return createRunner({ name: 'certificates', run, keys: () => [KEY], periodMs: CLOCK_LOOK_MS, clock, ids, log }, signal);
}

/** Why this machine's clock can not be right, as far as can be told from what is known to be earlier and later. `ca`: PEM. */
export function clockTrouble(ca: string, nowMs: number): string | undefined {
  const { validFrom, validTo } = new X509Certificate(ca);
  if (nowMs < Date.parse(validFrom))
    return "the clock stands before this cluster's CA is good: no client speaks with this server";
  if (nowMs >= Date.parse(validTo))
    return "the clock stands after the end of this cluster's CA: no client speaks with this server";
  if (nowMs < EARLIEST_MS) return 'the clock stands before this release was made: no short certificate is issued until it is set';
  return undefined;
}
