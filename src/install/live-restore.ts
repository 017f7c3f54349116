import { sleep, type Clock } from '#lib/clock.ts';
import { engineGet, type EngineReply } from './engine-get.ts';

/**
 * Has a running engine take live-restore over from its settings, by SIGHUP and never by a restart. It tells nobody, but its log, that it could not
 * read them, so it is asked.
 */
const ANSWERS_MS_MAX = 10_000;
const TAKEN_MS_MAX = 5_000;
const LOOK_EVERY_MS = 100;

export type EngineToAsk = {
  readonly socket: string;
  /** Of its settings. */
  readonly file: string;
  /** Undefined where none runs: it reads them when it starts. */
  readonly pid: number | undefined;
};

/** Undefined where it has taken it over, or does not run; else a sentence for people. */
export async function takeLiveRestore(
  { socket, file, pid }: EngineToAsk,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (pid === undefined) return undefined;
  const isLive = async () => liveRestoreOf(await engineGet(socket, '/info', clock, signal));
  const until = async (isSo: () => Promise<boolean>, msMax: number) => {
    for (const end = clock.monotonic() + msMax; ; await sleep(clock, LOOK_EVERY_MS, signal)) {
      if (await isSo()) return true;
      if (signal.aborted || clock.monotonic() >= end) return false;
    }
  };
  // One that does not answer yet would be ended by the signal.
  const answers = await until(async () => (await isLive()) !== undefined, ANSWERS_MS_MAX);
  if (answers) {
    if ((await isLive()) === true) return undefined;
    process.kill(pid, 'SIGHUP');
    if (await until(async () => (await isLive()) === true, TAKEN_MS_MAX)) return undefined;
  }
  return `live-restore stands in ${file}, but the engine at ${socket} ${answers ? 'has not taken it over (its log says why, if something else in that file is wrong)' : 'does not answer'}: it holds from the engine's next start`;
}

/** Undefined: no answer. */
function liveRestoreOf(reply: EngineReply): boolean | undefined {
  if (reply.type !== 'answer') return undefined;
  const info = reply.value;
  return typeof info === 'object' && info !== null && 'LiveRestoreEnabled' in info && info.LiveRestoreEnabled === true;
}
