import type { Clock } from '#lib/clock.ts';
import { hasCode, SkerryError } from '#lib/error.ts';
import type { Pull } from '../plan/observed.ts';
import type { RegistryAuth, Runtime } from '../runtime/runtime.ts';

/** Pulls beside the pods' rounds, a few at a time. Whether and when again is the plan's to say: it reads how each went. */
export type Puller = {
  /** Begins, unless it is at it. */
  readonly begin: (request: PullRequest) => void;
  readonly done: () => Promise<void>;
};

export type PullRequest = {
  readonly key: string;
  readonly image: string;
  readonly auth: RegistryAuth | undefined;
  readonly told: (news: PullNews) => void;
};

export type PullNews =
  | { readonly type: 'pulling' }
  | { readonly type: 'pulled'; readonly tookMs: number; readonly waitedMs: number }
  | { readonly type: 'failed'; readonly message: string };

export const PULLS_AT_ONCE = 3;

export function createPuller(
  options: {
    readonly runtime: Pick<Runtime, 'pull'>;
    readonly clock: Clock;
    readonly pulls: Map<string, Pull>;
    readonly runningMs: () => number;
    /** A pull of this key has ended; the images are to be looked at first. */
    readonly ended: (key: string) => Promise<void>;
  },
  signal: AbortSignal,
): Puller {
  const { runtime, clock, pulls, runningMs, ended } = options;
  const waiting: (() => Promise<void>)[] = [];
  const under = new Set<Promise<void>>();

  const next = () => {
    while (under.size < PULLS_AT_ONCE && waiting.length > 0 && !signal.aborted) {
      const job = waiting.shift();
      if (job === undefined) return;
      const running = job().finally(() => {
        under.delete(running);
        next();
      });
      under.add(running);
    }
  };

  const pull = async ({ key, image, auth, told }: PullRequest, askedMs: number, failures: number): Promise<void> => {
    const beganMs = clock.monotonic();
    told({ type: 'pulling' });
    try {
      await runtime.pull(image, auth, signal);
      pulls.set(key, { state: 'done' });
      const nowMs = clock.monotonic();
      told({ type: 'pulled', tookMs: nowMs - beganMs, waitedMs: nowMs - askedMs });
    } catch (error) {
      const message = error instanceof SkerryError ? error.message : String(error);
      const unreachable = hasCode(error, 'RegistryUnreachable');
      pulls.set(key, { state: 'failed', message, unreachable, failures: failures + 1, atMs: runningMs() });
      told({ type: 'failed', message });
    }
    await ended(key);
  };

  return {
    begin: (request) => {
      const before = pulls.get(request.key);
      if (before?.state === 'pulling') return;
      const failures = before?.state === 'failed' ? before.failures : 0;
      pulls.set(request.key, { state: 'pulling' });
      const askedMs = clock.monotonic();
      waiting.push(() => pull(request, askedMs, failures));
      next();
    },
    done: async () => {
      await Promise.all(under);
    },
  };
}
