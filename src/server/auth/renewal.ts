import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Pki } from './pki.ts';

/**
 * A server that runs for years has its certificates made anew in time, and when its addresses change, as a start would. What is done with
 * them is the caller's; keys never change.
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

type Issued = Pick<Pki, 'server' | 'admin'>;

export const LOOK_MS = 6 * 3_600_000;
const KEY = 'certificates';

export function startRenewal({ pki, load, renewed, clock, ids, log }: RenewalOptions, signal: AbortSignal): Runner {
  let current: Issued = pki;
  const run = async (): Promise<undefined> => {
    const next = await load();
    if (next.server.certificate === current.server.certificate && next.admin.certificate === current.admin.certificate) return;
    renewed(next);
    current = next;
    log.info('certificates were made anew');
  };
  return createRunner({ name: 'certificates', run, keys: () => [KEY], periodMs: LOOK_MS, clock, ids, log }, signal);
}
