import { basename, join } from 'node:path';
import { layoutIn } from '#install/layout.ts';
import { TRIAL_STARTS_MAX } from '#install/trial.ts';
import { valueOf } from '../facts/value-of.ts';
import { textOf } from '../outside/outside.ts';
import { ok, problem, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** What of skerry is installed here: its slots, which of them runs, and whether one is on trial. */
export type InstallationFacts = {
  readonly slots: readonly string[];
  /** The version that `current` names, and whether its executable is there. */
  readonly current: { readonly version: string; readonly there: boolean } | undefined;
  readonly hasLaunch: boolean;
  readonly trials: readonly { readonly mode: string; readonly to: string; readonly back: string; readonly starts: string }[];
  readonly goneBack: { readonly to: string; readonly back: string; readonly why: string } | undefined;
};

const TRIAL = 'trial.';

export async function gatherInstallation({ outside }: Scene): Promise<InstallationFacts> {
  const { lib, slots, current, launch } = layoutIn('/');
  const [versions, target, hasLaunch, names, goneBack] = await Promise.all([
    outside.list(slots),
    outside.linkTarget(current),
    outside.exists(launch),
    outside.list(lib),
    textOf(outside.read(join(lib, 'gone-back'))),
  ]);
  const trials = names
    .filter((name) => name.startsWith(TRIAL))
    .map(async (name) => {
      const text = await textOf(outside.read(join(lib, name)));
      const [to, back, starts = '0'] = ['to', 'back', 'starts'].map((key) => valueOf(text, key));
      return to === undefined || back === undefined ? [] : [{ mode: name.slice(TRIAL.length), to, back, starts }];
    });
  const [to, back, why] = ['to', 'back', 'why'].map((key) => valueOf(goneBack, key));
  return {
    slots: versions.filter((name) => /^\d/.test(name)),
    current:
      target === undefined ? undefined : { version: basename(target), there: await outside.exists(join(current, 'skerry')) },
    hasLaunch,
    trials: (await Promise.all(trials)).flat(),
    goneBack: to === undefined || back === undefined || why === undefined ? undefined : { to, back, why },
  };
}

const AGAIN = 'Run the installation again (install.sh, or skerry install): it puts right what is missing and keeps the data.';

export function judgeInstallation(facts: InstallationFacts): readonly Verdict[] {
  const { slots, current, hasLaunch, trials, goneBack } = facts;
  if (slots.length === 0 && current === undefined && !hasLaunch) return [ok('skerry is not installed here')];
  const others = slots.filter((version) => version !== current?.version);
  return [
    ...(current?.there === true && hasLaunch
      ? [ok(`release ${current.version}${others.length === 0 ? '' : `; also here: ${others.join(', ')}`}`)]
      : [problem(`the installation is broken: ${broken(facts)}`, AGAIN)]),
    ...trials.map(({ mode, to, back, starts }) =>
      ok(
        `release ${to} is on trial as ${mode} (start ${starts} of ${TRIAL_STARTS_MAX}); unless it proves healthy, ${back} comes back`,
      ),
    ),
    ...(goneBack === undefined
      ? []
      : [
          warning(
            `the upgrade to ${goneBack.to} was taken back to ${goneBack.back}: ${goneBack.why}`,
            'See why: journalctl -u skerry-server -u skerry-agent; then try another release with skerry upgrade.',
          ),
        ]),
  ];
}

function broken({ current, hasLaunch }: InstallationFacts): string {
  if (current === undefined) return '"current" names no release';
  if (!current.there) return `release ${current.version} has no executable`;
  return hasLaunch ? 'no reason found' : '"launch" is missing';
}
