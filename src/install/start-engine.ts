import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { engineGet } from './engine-get.ts';
import { lastWords } from './last-words.ts';
import { failureOf, type RunProgram } from './run-program.ts';

/** Starts the engine that was asked for, where it does not run, and waits until it answers. Its settings are its owner's: it mends nothing. */
const UNIT = 'docker.service';
const RESET_MS_MAX = 30_000;
/** A board takes its time for the first start, and for many containers. */
const START_MS_MAX = 120_000;
const ANSWERS_MS_MAX = 20_000;
const LOOK_EVERY_MS = 200;

export type EngineToStart = { readonly socket: string; readonly run: RunProgram };

/** Throws NotReady. */
export async function startEngine({ socket, run }: EngineToStart, clock: Clock, signal: AbortSignal): Promise<void> {
  // One that has failed too often is not started again for a while, mended or not.
  await run(['systemctl', 'reset-failed', UNIT, 'docker.socket'], RESET_MS_MAX, signal);
  const sinceMs = clock.now();
  const why = failureOf(await run(['systemctl', 'start', UNIT], START_MS_MAX, signal));
  const trouble = why ?? ((await isUpWithin(socket, clock, signal)) ? undefined : `it does not answer at ${socket}`);
  signal.throwIfAborted();
  if (trouble === undefined) return;
  throw new SkerryError(
    'NotReady',
    `start the Docker engine: ${trouble}${await lastWords(UNIT, sinceMs, { run, clock }, signal)}\n(all else is done; journalctl -u docker tells more: mend the engine, then run this again)`,
  );
}

async function isUpWithin(socket: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  for (const end = clock.monotonic() + ANSWERS_MS_MAX; ; await sleep(clock, LOOK_EVERY_MS, signal)) {
    if ((await engineGet(socket, '/version', clock, signal)).type === 'answer') return true;
    if (signal.aborted || clock.monotonic() >= end) return false;
  }
}
