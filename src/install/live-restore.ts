import { sleep, type Clock } from '#lib/clock.ts';
import { engineGet } from './engine-get.ts';

/** Whether a running engine has taken live-restore over from its settings: it tells nobody, but its log, that it could not read them. */
const TAKEN_MS_MAX = 5_000;
const LOOK_EVERY_MS = 100;

/** Undefined where it has; else a sentence for people. */
export async function liveRestoreTrouble(
  { socket, file }: { readonly socket: string; readonly file: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const until = clock.monotonic() + TAKEN_MS_MAX;
  while (!signal.aborted) {
    const reply = await engineGet(socket, '/info', clock, signal);
    if (reply.type === 'answer' && isLive(reply.value)) return undefined;
    if (clock.monotonic() >= until) break;
    await sleep(clock, LOOK_EVERY_MS, signal);
  }
  return `live-restore stands in ${file}, but the engine at ${socket} has not taken it over (its log says why, if something else in that file is wrong): it holds from the engine's next start`;
}

function isLive(info: unknown): boolean {
  return typeof info === 'object' && info !== null && 'LiveRestoreEnabled' in info && info.LiveRestoreEnabled === true;
}
