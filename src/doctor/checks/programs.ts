import { textOf } from '../outside/outside.ts';
import { ok, problem, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** The system's programs that the agent runs. */
export type ProgramFacts = {
  /** Those that are there, with what they say of their version. */
  readonly found: Readonly<Record<string, string>>;
  /** ID and ID_LIKE of os-release. */
  readonly distributions: readonly string[];
};

const PROGRAMS = [
  { name: 'ip', version: ['ip', '-V'], package: 'iproute2' },
  { name: 'nft', version: ['nft', '--version'], package: 'nftables' },
  { name: 'iptables', version: ['iptables', '--version'], package: 'iptables' },
  { name: 'nsenter', version: ['nsenter', '--version'], package: 'util-linux' },
  { name: 'mount', version: ['mount', '--version'], package: 'util-linux' },
] as const;

export async function gatherPrograms({ outside }: Scene, signal: AbortSignal): Promise<ProgramFacts> {
  const release = await textOf(outside.read('/etc/os-release'));
  const answers = await Promise.all(
    PROGRAMS.map(async ({ name, version }) => {
      const ran = await outside.run(version, signal);
      return ran.type === 'missing' ? [] : [[name, ran.type === 'ended' ? versionIn(ran.stdout + ran.stderr) : ''] as const];
    }),
  );
  const distributions = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) => (match[1] ?? '').split(' '));
  return { found: Object.fromEntries(answers.flat()), distributions };
}

const versionIn = (text: string): string => /\d+\.\d[\w.]*/.exec(text)?.[0] ?? '';

export function judgePrograms({ found, distributions }: ProgramFacts): readonly Verdict[] {
  const lacks = (name: string) => found[name] === undefined;
  const missing = PROGRAMS.filter(({ name }) => lacks(name) && name !== 'iptables' && !(name === 'nft' && !lacks('iptables')));
  const there = PROGRAMS.filter(({ name }) => !lacks(name)).map(({ name }) => `${name} ${found[name] ?? ''}`.trim());
  const packages = [...new Set(missing.map((program) => program.package))];
  return [
    ...(there.length === 0 ? [] : [ok(there.join(', '))]),
    ...(missing.length === 0
      ? []
      : [
          problem(
            `missing: ${missing.map(({ name }) => name).join(', ')}; without them no pod gets a network or its volumes`,
            `Install them (skerry install does): ${installLine(distributions, packages)}`,
          ),
        ]),
    ...(lacks('nft') && !lacks('iptables')
      ? [warning('nft is missing; iptables is used in its place', `Install it: ${installLine(distributions, ['nftables'])}`)]
      : []),
  ];
}

/** In the words of the distribution; Debian's where it is none that is known. */
export function installLine(distributions: readonly string[], packages: readonly string[]): string {
  const like = (...names: readonly string[]) => distributions.some((name) => names.includes(name));
  const list = packages.join(' ');
  if (like('alpine')) return `apk add ${list}`;
  if (like('fedora', 'rhel', 'centos')) return `dnf install -y ${list.replace('iproute2', 'iproute')}`;
  if (like('suse', 'opensuse')) return `zypper install -y ${list}`;
  if (like('arch')) return `pacman -S --noconfirm ${list}`;
  return `apt-get install -y --no-install-recommends ${list}`;
}
