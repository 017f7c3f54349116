import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Layout, Mode } from '../layout.ts';
import { currentVersion } from '../slots.ts';
import { TRIAL_STARTS_MAX, readGoneBack, readTrial } from '../trial.ts';
import type { Restart, Services } from './services.ts';

/** How a trial ends, told by its files alone: whoever waits can go away at any time, and changes nothing by it. */
export type Waiting = {
  readonly layout: Layout;
  readonly to: string;
  /** What has to prove itself, each since it was restarted with the release. */
  readonly restarts: ReadonlyMap<Mode, Restart>;
  readonly services: Services;
  readonly clock: Clock;
  /** What is to be seen meanwhile. */
  readonly watch: (text: string) => void;
};

const LOOK_MS = 500;
/** For the last start, which goes back, and for a slow machine. */
const MARGIN_MS = 120_000;
const WORDS_LINES = 20;

/** Resolves once the release has proved itself in each mode. Throws TakenBack with why and the last words, or Timeout. */
export async function waitForOutcome(
  { layout, to, restarts, services, clock, watch }: Waiting,
  signal: AbortSignal,
): Promise<void> {
  const startMs = clock.monotonic();
  for (;;) {
    if (currentVersion(layout) !== to) throw takenBack(layout, to, await wordsOf(to, restarts, services, signal));
    const trials = [...restarts.keys()].flatMap((mode) => readTrial(layout, mode) ?? []).filter((trial) => trial.to === to);
    if (trials.length === 0) return;
    const waitedMs = clock.monotonic() - startMs;
    const limitMs = 1_000 * Math.max(...trials.map(({ limitSeconds }) => limitSeconds));
    if (waitedMs > limitMs + MARGIN_MS)
      throw new SkerryError('Timeout', `wait for ${to} to become healthy: it is still on trial (skerry upgrade --status)`);
    const starts = Math.max(...trials.map((trial) => trial.starts));
    watch(`waiting for ${to} to become healthy: start ${starts} of ${TRIAL_STARTS_MAX}, ${Math.round(waitedMs / 1_000)} s`);
    await sleep(clock, LOOK_MS, signal);
    if (signal.aborted)
      throw new SkerryError(
        'Aborted',
        `wait for ${to} to become healthy: it goes on without this command (skerry upgrade --status)`,
      );
  }
}

function takenBack(layout: Layout, to: string, words: string): SkerryError {
  const gone = readGoneBack(layout);
  const why = gone === undefined ? '' : `: ${gone.why}`;
  return new SkerryError(
    'TakenBack',
    `upgrade to ${to}: ${currentVersion(layout) ?? 'another release'} is back${why}${words === '' ? '' : `\nIts last words:\n${words}`}`,
  );
}

/** Of the one that was taken back, and not of the one that runs since. */
async function wordsOf(
  to: string,
  restarts: ReadonlyMap<Mode, Restart>,
  services: Services,
  signal: AbortSignal,
): Promise<string> {
  const said = [];
  for (const [mode, restart] of restarts) {
    const lines = await services.lastWords(mode, restart, signal);
    const end = lines.findLastIndex((line) => line.includes(`${to} is taken back`));
    said.push(...lines.slice(0, end < 0 ? undefined : end).slice(-WORDS_LINES));
  }
  return said.join('\n');
}
