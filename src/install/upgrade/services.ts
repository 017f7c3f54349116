import { existsSync } from 'node:fs';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { parsedJson, textField } from '#lib/json-field.ts';
import { MODES, type Mode } from '../layout.ts';
import { failureOf, type RunProgram } from '../run-program.ts';

/** The services of this machine, as an upgrade needs them. */
export type Services = {
  /** The modes that run, or are to run: what is restarted and has to prove itself. */
  readonly running: (signal: AbortSignal) => Promise<readonly Mode[]>;
  /** Does not wait for it to be up. */
  readonly restart: (mode: Mode, signal: AbortSignal) => Promise<Restart>;
  /** What it has said since then, for people. */
  readonly lastWords: (mode: Mode, since: Restart, signal: AbortSignal) => Promise<readonly string[]>;
};

/** `ended`: the run that ended by it, in systemd's words its invocation, which goes on saying something until it is down. */
export type Restart = { readonly atMs: number; readonly ended: string | undefined };

const ASK_MS_MAX = 30_000;
const LINES_MAX = 500;
const unitOf = (mode: Mode) => `skerry-${mode}.service`;

/** Undefined on a machine that systemd does not run. */
export function systemdServices(run: RunProgram, clock: Pick<Clock, 'now'>): Services | undefined {
  // sd_booted(3).
  if (!existsSync('/run/systemd/system')) return undefined;
  const show = async (mode: Mode, property: string, signal: AbortSignal) => {
    const ran = await run(['systemctl', 'show', `--property=${property}`, '--value', unitOf(mode)], ASK_MS_MAX, signal);
    return ran.type === 'ended' ? ran.stdout.trim() : '';
  };
  return {
    running: async (signal) => {
      const found: Mode[] = [];
      for (const mode of MODES) {
        const state = await show(mode, 'ActiveState', signal);
        // One that fails again and again is just what an upgrade may be for.
        if (['active', 'activating', 'reloading', 'failed'].includes(state)) found.push(mode);
      }
      return found;
    },
    restart: async (mode, signal) => {
      const ended = await show(mode, 'InvocationID', signal);
      const atMs = clock.now();
      const why = failureOf(await run(['systemctl', 'restart', '--no-block', unitOf(mode)], ASK_MS_MAX, signal));
      if (why !== undefined) throw new SkerryError('ServiceUnavailable', `restart ${unitOf(mode)}: ${why}`);
      return { atMs, ended };
    },
    lastWords: async (mode, { atMs, ended }, signal) => {
      const since = ['--since', `@${(atMs / 1_000).toFixed(3)}`, '--lines', String(LINES_MAX)];
      const argv = ['journalctl', '-q', `_SYSTEMD_UNIT=${unitOf(mode)}`, ...since, '--no-pager', '--output', 'json'];
      const ran = await run(argv, ASK_MS_MAX, signal);
      const lines = ran.type === 'ended' ? ran.stdout.split('\n') : [];
      return lines.flatMap((line) => {
        const entry = parsedJson(line);
        const text = textField(entry, 'MESSAGE');
        return text === '' || textField(entry, '_SYSTEMD_INVOCATION_ID') === ended ? [] : [text];
      });
    },
  };
}
