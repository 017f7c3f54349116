import { existsSync } from 'node:fs';
import { SkerryError } from '#lib/error.ts';
import { MODES, type Mode } from '../layout.ts';
import { failureOf, type RunProgram } from '../run-program.ts';

/** The services of this machine, as an upgrade needs them. */
export type Services = {
  /** The modes that run, or are to run: what is restarted and has to prove itself. */
  readonly running: (signal: AbortSignal) => Promise<readonly Mode[]>;
  /** Does not wait for it to be up. */
  readonly restart: (mode: Mode, signal: AbortSignal) => Promise<void>;
  /** What it has said since then (seconds since the epoch), for people. */
  readonly lastWords: (mode: Mode, sinceSeconds: number, signal: AbortSignal) => Promise<string>;
};

const ASK_MS_MAX = 30_000;
const LINES_MAX = 500;
const unitOf = (mode: Mode) => `skerry-${mode}.service`;

/** Undefined on a machine that systemd does not run. */
export function systemdServices(run: RunProgram): Services | undefined {
  // sd_booted(3).
  if (!existsSync('/run/systemd/system')) return undefined;
  return {
    running: async (signal) => {
      const found: Mode[] = [];
      for (const mode of MODES) {
        const ran = await run(['systemctl', 'show', '--property=ActiveState', '--value', unitOf(mode)], ASK_MS_MAX, signal);
        const state = ran.type === 'ended' ? ran.stdout.trim() : '';
        // One that fails again and again is just what an upgrade may be for.
        if (['active', 'activating', 'reloading', 'failed'].includes(state)) found.push(mode);
      }
      return found;
    },
    restart: async (mode, signal) => {
      const why = failureOf(await run(['systemctl', 'restart', '--no-block', unitOf(mode)], ASK_MS_MAX, signal));
      if (why !== undefined) throw new SkerryError('ServiceUnavailable', `restart ${unitOf(mode)}: ${why}`);
    },
    lastWords: async (mode, sinceSeconds, signal) => {
      const since = ['--since', `@${Math.floor(sinceSeconds)}`, '--lines', String(LINES_MAX)];
      const argv = ['journalctl', `_SYSTEMD_UNIT=${unitOf(mode)}`, ...since, '--no-pager', '--output', 'cat'];
      const ran = await run(argv, ASK_MS_MAX, signal);
      return ran.type === 'ended' ? ran.stdout.trimEnd() : '';
    },
  };
}
