import type { IncomingMessage } from 'node:http';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * The pieces of an answer as they come from the engine, each waited for no longer than `silenceMs` (undefined: as long as it takes); how fast they are taken does
 * not count. Throws EngineTimeout where the engine goes silent and EngineAbsent where it breaks off; once `signal` aborts, it just ends.
 */
export async function* engineStream(
  stream: IncomingMessage,
  { what, silenceMs, clock }: { readonly what: string; readonly silenceMs: number | undefined; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  const giveUp = () =>
    stream.destroy(
      new SkerryError('EngineTimeout', `${what}: the container engine said nothing for ${(silenceMs ?? 0) / 1000} s`),
    );
  try {
    for (;;) {
      const cancel = silenceMs === undefined ? undefined : clock.timer(silenceMs, giveUp);
      const next = await pieces.next().finally(cancel);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof SkerryError) throw error;
    throw new SkerryError('EngineAbsent', `${what}: the container engine broke off`, { cause: error });
  } finally {
    stream.destroy();
  }
}
