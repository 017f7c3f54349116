import { basename, join } from 'node:path';
import { layoutIn } from '#install/layout.ts';
import { textOf } from '../outside/outside.ts';
import { ok, problem, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** What of skerry is installed here: its slots, which of them runs, whether one is on trial, and its services. */
export type InstallationFacts = {
  readonly slots: readonly string[];
  /** The version that `current` names, and whether its executable is there. */
  readonly current: { readonly version: string; readonly there: boolean } | undefined;
  readonly hasLaunch: boolean;
  readonly trials: readonly { readonly mode: string; readonly to: string; readonly back: string }[];
  readonly goneBack: { readonly to: string; readonly back: string; readonly why: string } | undefined;
  readonly units: readonly { readonly name: string; readonly state: string; readonly result: string }[];
};

const UNITS = ['skerry-server.service', 'skerry-agent.service'] as const;
const TRIAL = 'trial.';

export async function gatherInstallation({ outside }: Scene, signal: AbortSignal): Promise<InstallationFacts> {
  const { lib, slots, current, launch, units } = layoutIn('/');
  const [versions, target, hasLaunch, names, goneBack, services] = await Promise.all([
    outside.list(slots),
    outside.linkTarget(current),
    outside.exists(launch),
    outside.list(lib),
    textOf(outside.read(join(lib, 'gone-back'))),
    Promise.all(
      UNITS.map(async (name) => {
        if (!(await outside.exists(join(units, name)))) return [];
        const shown = await outside.run(['systemctl', 'show', name, '--property=ActiveState,Result'], signal);
        const text = shown.type === 'ended' ? shown.stdout : '';
        return [{ name, state: valueOf(text, 'ActiveState') ?? 'unknown', result: valueOf(text, 'Result') ?? '' }];
      }),
    ),
  ]);
  const trials = names
    .filter((name) => name.startsWith(TRIAL))
    .map(async (name) => {
      const text = await textOf(outside.read(join(lib, name)));
      const [to, back] = [valueOf(text, 'to'), valueOf(text, 'back')];
      return to === undefined || back === undefined ? [] : [{ mode: name.slice(TRIAL.length), to, back }];
    });
  const [to, back, why] = ['to', 'back', 'why'].map((key) => valueOf(goneBack, key));
  return {
    slots: versions.filter((name) => /^\d/.test(name)),
    current:
      target === undefined ? undefined : { version: basename(target), there: await outside.exists(join(current, 'skerry')) },
    hasLaunch,
    trials: (await Promise.all(trials)).flat(),
    goneBack: to === undefined || back === undefined || why === undefined ? undefined : { to, back, why },
    units: services.flat(),
  };
}

function valueOf(text: string, key: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);
}

const AGAIN = 'Run the installation again (install.sh, or skerry install): it puts right what is missing and keeps the data.';

export function judgeInstallation(facts: InstallationFacts): readonly Verdict[] {
  const { slots, current, hasLaunch, trials, goneBack, units } = facts;
  if (slots.length === 0 && current === undefined && !hasLaunch) {
    // A service that somebody wrote by hand is as good as ours.
    const what = units.length === 0 ? 'skerry is not installed here' : 'no release in slots; services of another hand';
    return [ok(what), ...units.flatMap(judgeUnit)];
  }
  const others = slots.filter((version) => version !== current?.version);
  return [
    ...(current?.there === true && hasLaunch
      ? [ok(`release ${current.version}${others.length === 0 ? '' : `; also here: ${others.join(', ')}`}`)]
      : [problem(`the installation is broken: ${broken(facts)}`, AGAIN)]),
    ...trials.map(({ mode, to, back }) =>
      ok(`release ${to} is on trial as ${mode}; unless it proves healthy, ${back} comes back`),
    ),
    ...(goneBack === undefined
      ? []
      : [
          warning(
            `the upgrade to ${goneBack.to} was taken back to ${goneBack.back}: ${goneBack.why}`,
            'See why: journalctl -u skerry-server -u skerry-agent; then try another release with skerry upgrade.',
          ),
        ]),
    ...units.flatMap(judgeUnit),
  ];
}

function broken({ current, hasLaunch }: InstallationFacts): string {
  if (current === undefined) return '"current" names no release';
  if (!current.there) return `release ${current.version} has no executable`;
  return hasLaunch ? 'no reason found' : '"launch" is missing';
}

function judgeUnit({ name, state, result }: InstallationFacts['units'][number]): readonly Verdict[] {
  if (state === 'active') return [ok(`${name} is active`)];
  const how = result === '' || result === 'success' ? state : `${state} (${result})`;
  return [warning(`${name} is ${how}`, `Start it: systemctl enable --now ${name}\nWhy it ended: journalctl -u ${name} -n 50`)];
}
