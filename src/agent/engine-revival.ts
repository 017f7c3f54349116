import { existsSync } from 'node:fs';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner } from '#lib/runner.ts';
import type { Command } from '#net/wire/command.ts';
import type { EngineHealth } from './sight.ts';

/**
 * Has systemd start Docker again where it has given it up ("start request repeated too quickly", as after a power cut with a full disk): nobody may be
 * near to do it. What keeps it from starting it does not mend; one that somebody has stopped stays stopped.
 */
export type EngineRevivalOptions = {
  /** Undefined until the engine was asked. */
  readonly health: () => EngineHealth | undefined;
  readonly command: Command;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

const UNIT = 'docker.service';
export const LOOK_MS = 60_000;
/** Each try is some three starts of the engine, and their lines in the journal. */
export const WAIT_MS_MAX = 30 * 60_000;

/** Whether the engine at this socket can be the one of that unit, on a machine that systemd runs: sd_booted(3). */
export function mayRevive(socketPath: string): boolean {
  return ['/var/run/docker.sock', '/run/docker.sock'].includes(socketPath) && existsSync('/run/systemd/system');
}

export type EngineRevival = {
  /** The engine has gone, or is back. */
  readonly look: () => void;
  readonly stop: () => Promise<void>;
};

export function createEngineRevival({ health, command, clock, ids, log }: EngineRevivalOptions): EngineRevival {
  const stopping = new AbortController();
  const { signal } = stopping;
  let tries = 0;
  const systemctl = (...args: readonly string[]) => command('systemctl', args, '', signal);
  const run = async (): Promise<number | undefined> => {
    if (health()?.ready !== false) {
      tries = 0;
      return undefined;
    }
    // Inactive: somebody has stopped it. Activating: systemd has not given it up.
    if ((await systemctl('show', '--property=ActiveState', '--value', UNIT)).trim() !== 'failed') return LOOK_MS;
    tries += 1;
    log.warn({ unit: UNIT, tries }, 'systemd has given the container engine up, and is told to start it again');
    await systemctl('reset-failed', UNIT);
    await systemctl('start', '--no-block', UNIT);
    return Math.min(LOOK_MS * 2 ** tries, WAIT_MS_MAX);
  };
  const runner = createRunner({ name: 'engine-revival', run, clock, ids, log }, signal);
  return {
    look: () => runner.signal(UNIT),
    stop: () => {
      stopping.abort();
      return runner.done;
    },
  };
}
