import { statSync } from 'node:fs';
import { readFileIfThere } from '#lib/durable-file.ts';
import { performSteps, type FileStep } from './file-steps.ts';
import { MODES, healthFile, trialFile, type Layout, type Mode } from './layout.ts';
import { isVersion } from './version.ts';

/**
 * A release on trial: a small file per mode, `key=value` lines that `launch` reads and counts in. While it is there and names what
 * `current` names, each start is counted and may be the last; the running process removes it once it is healthy. Releases read each
 * other's: keys may be added, none may change its meaning.
 */
export type Trial = {
  readonly to: string;
  /** What comes back if the trial fails. */
  readonly back: string;
  /** Starts so far. */
  readonly starts: number;
  /** In each boot it has this long to become healthy: see start-time.ts. */
  readonly limitSeconds: number;
  /** Seconds since boot; undefined until it was started in this boot. */
  readonly untilSeconds: number | undefined;
  readonly boot: string | undefined;
  /** What its agent has to have to be healthy: what the release before had. */
  readonly needs: readonly Need[];
};

export type Need = 'engine' | 'link';
const NEEDS: readonly Need[] = ['engine', 'link'];
/** Of a damaged file. */
const NEEDS_UNSAID = 'engine';

export const TRIAL_STARTS_MAX = 3;
/** Where the file does not say, being damaged. */
export const TRIAL_SECONDS_UNSAID = 600;

export type NewTrial = Pick<Trial, 'to' | 'back' | 'needs' | 'limitSeconds'>;

export function beginTrialSteps(layout: Layout, mode: Mode, { to, back, needs, limitSeconds }: NewTrial): readonly FileStep[] {
  const text = `to=${to}\nback=${back}\nlimit=${limitSeconds}\nstarts=0\nneeds=${needs.join(',')}\n`;
  return [{ do: 'write', file: trialFile(layout, mode), text, mode: 0o644 }];
}

/** Undefined: no trial, or one that nothing can be read of. */
export function readTrial(layout: Layout, mode: Mode): Trial | undefined {
  const values = readValues(trialFile(layout, mode));
  const { to = '', back = '' } = values;
  if (!isVersion(to) || !isVersion(back)) return undefined;
  return {
    to,
    back,
    starts: wholeNumber(values['starts']) ?? 0,
    limitSeconds: wholeNumber(values['limit']) ?? TRIAL_SECONDS_UNSAID,
    untilSeconds: wholeNumber(values['until']),
    boot: values['boot'],
    needs: NEEDS.filter((need) => (values['needs'] ?? NEEDS_UNSAID).split(',').includes(need)),
  };
}

/** The release stays: the next start is a start like any other. A mode that nobody has started meanwhile has nothing to prove any more. */
export function endTrial(layout: Layout, mode: Mode): void {
  const ended = MODES.filter((each) => each === mode || readTrial(layout, each)?.starts === 0);
  performSteps([
    ...ended.map((each) => ({ do: 'remove', path: trialFile(layout, each) }) as const),
    { do: 'sync-folder', path: layout.lib },
  ]);
}

/** What the service has that runs now; undefined where none does. */
export function readHealth(layout: Layout, mode: Mode): readonly Need[] | undefined {
  const { has } = readValues(healthFile(layout, mode));
  return has === undefined ? undefined : NEEDS.filter((need) => has.split(',').includes(need));
}

/** Where the service that runs now keeps its data; undefined where none does, or does not say so. */
export function readDataDir(layout: Layout, mode: Mode): string | undefined {
  return readValues(healthFile(layout, mode))['data'];
}

/** Why the last upgrade was taken back, as `launch` wrote it down; `when`: by this machine's clock, RFC 3339. */
export type GoneBack = { readonly to: string; readonly back: string; readonly why: string; readonly when: string };

export function readGoneBack(layout: Layout): GoneBack | undefined {
  const { to, back, why } = readValues(layout.goneBack);
  const written = statSync(layout.goneBack, { throwIfNoEntry: false })?.mtime;
  if (to === undefined || back === undefined || why === undefined || written === undefined) return undefined;
  return { to, back, why, when: `${written.toISOString().slice(0, 19)}Z` };
}

function readValues(file: string): Readonly<Record<string, string>> {
  const lines = (readFileIfThere(file) ?? '').split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const at = line.indexOf('=');
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
