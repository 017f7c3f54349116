import { SkerryError } from '#lib/error.ts';
import type { Trial } from '../trial.ts';
import { compareVersions } from '../version.ts';

/** What an upgrade is to do on a machine as it is. */
export type Decision =
  | { readonly type: 'nothing' }
  /** An upgrade to just this version was begun and has not been told an end of. */
  | { readonly type: 'resume'; readonly back: string }
  | { readonly type: 'take'; readonly back: string };

export type Situation = {
  readonly current: string;
  /** Those of `current`, where it has not proved itself yet. */
  readonly trials: readonly Trial[];
  readonly wanted: string;
  readonly allowDowngrade: boolean;
};

/** Throws Downgrade, and Conflict where the way back would be no way. */
export function decideUpgrade({ current, trials, wanted, allowDowngrade }: Situation): Decision {
  const [trial] = trials.filter(({ to }) => to === current);
  // Back is always a release that has proved itself.
  const back = trial?.back ?? current;
  if (wanted === current) return trial === undefined ? { type: 'nothing' } : { type: 'resume', back };
  if (wanted === back)
    throw new SkerryError(
      'Conflict',
      `take ${wanted}: ${current} is on trial now, and ${wanted} comes back by itself if it does not become healthy (skerry upgrade --status)`,
    );
  if (compareVersions(wanted, back) < 0 && !allowDowngrade)
    throw new SkerryError(
      'Downgrade',
      `take ${wanted}: ${back} is installed, and an older release may know holes or lack what the databases hold by now; if it has to be, say --allow-downgrade`,
    );
  return { type: 'take', back };
}
