import { MODES, type Layout, type Mode } from '../layout.ts';
import { currentVersion, slotVersions } from '../slots.ts';
import { readGoneBack, readTrial, type GoneBack } from '../trial.ts';

/** What is installed, what is on trial, and what was taken back. */
export type InstallationStatus = {
  readonly current: string | undefined;
  /** In their slots, beside the current one: what a trial goes back to. */
  readonly others: readonly string[];
  readonly trials: readonly { readonly mode: Mode; readonly release: string; readonly before: string; readonly starts: number }[];
  readonly takenBack: GoneBack | undefined;
};

export function readStatus(layout: Layout): InstallationStatus {
  const current = currentVersion(layout);
  return {
    current,
    others: slotVersions(layout).filter((version) => version !== current),
    trials: MODES.flatMap((mode) => {
      const trial = readTrial(layout, mode);
      return trial === undefined || trial.to !== current
        ? []
        : [{ mode, release: trial.to, before: trial.back, starts: trial.starts }];
    }),
    takenBack: readGoneBack(layout),
  };
}
