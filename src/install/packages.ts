import { dirname } from 'node:path';
import type { Architecture } from './release/release-files.ts';

/**
 * What the distribution has to bring: programs that the agent runs, and the engine where one is asked for. Pure: which packages, by which
 * commands. Nothing is ever removed or upgraded.
 */
export type Manager = 'apt-get' | 'dnf' | 'yum' | 'zypper' | 'pacman';

/** In the order in which they are looked for. */
export const MANAGERS: readonly Manager[] = ['apt-get', 'dnf', 'yum', 'zypper', 'pacman'];

export type Requirement = {
  /** Found by this name on the PATH. */
  readonly program: string;
  /** What is missing without it. */
  readonly purpose: string;
  readonly packages: Readonly<Record<Manager, string>>;
};

export const NETWORK_TOOLS: readonly Requirement[] = [
  { program: 'ip', purpose: "pods' network", packages: named('iproute2', { dnf: 'iproute', yum: 'iproute' }) },
  { program: 'nft', purpose: 'services and masquerading', packages: named('nftables') },
];

export const ENGINE: Requirement = {
  program: 'dockerd',
  purpose: 'containers',
  packages: named('docker', { 'apt-get': 'docker.io', dnf: 'moby-engine', yum: 'moby-engine' }),
};

/** Only together with the engine, and where the kernel uses AppArmor: Docker starts no container without its parser, and its package only recommends it. */
export const APPARMOR: Requirement = {
  program: 'apparmor_parser',
  purpose: "the engine's containers",
  packages: named('apparmor'),
};

function named(name: string, other: Partial<Record<Manager, string>> = {}): Readonly<Record<Manager, string>> {
  return { 'apt-get': name, dnf: name, yum: name, zypper: name, pacman: name, ...other };
}

export type Fetching = {
  /** Has the manager learn what there is; where that fails it may know enough of it already. Each is argv. */
  readonly refresh: readonly string[] | undefined;
  readonly install: readonly string[];
  readonly names: readonly string[];
  /** What has to be there afterwards. */
  readonly programs: readonly string[];
};

/**
 * `brought`: files of packages from the stick that is installed from, of this machine's architecture; with any, no network is used. The stick may
 * hold more than what is missing and what that needs: apt and zypper choose among it; the others, which do so only where somebody has made an index
 * of it, take all of it.
 */
export function fetching(manager: Manager, missing: readonly Requirement[], brought: readonly string[]): Fetching {
  const names = missing.map(({ packages }) => packages[manager]);
  const rest = { names, programs: missing.map(({ program }) => program), refresh: undefined };
  const alone = brought.length > 0;
  const what = alone ? brought : names;
  switch (manager) {
    case 'apt-get': {
      // Without its own sources it takes nothing but what the stick has, and asks nobody.
      const sources = alone ? ['-o', 'Dir::Etc::SourceList=/dev/null', '-o', 'Dir::Etc::SourceParts=/dev/null'] : [];
      // Another one that is at work just now, as after a boot, is waited for.
      const install = [
        'apt-get',
        ...sources,
        '-o',
        'DPkg::Lock::Timeout=120',
        ...(alone ? [] : APT_GIVES_UP),
        'install',
        '-y',
        '-q',
        '--no-install-recommends',
        '--no-remove',
      ];
      // Of itself it takes a server that is away for no failure.
      const refresh = ['apt-get', ...APT_GIVES_UP, '-o', 'APT::Update::Error-Mode=any', 'update', '-q'];
      const stick = brought.flatMap((file) => ['--with-source', file]);
      return { ...rest, refresh: alone ? undefined : refresh, install: [...install, ...names, ...stick] };
    }
    case 'dnf':
    case 'yum':
      return { ...rest, install: [manager, 'install', '-y', ...(alone ? ['--disablerepo=*'] : []), ...what] };
    case 'zypper':
      return {
        ...rest,
        // It wants the folder as it is, with its blanks.
        install: [
          'zypper',
          '--non-interactive',
          ...(alone ? ['--no-remote', '--plus-repo', `dir://${dirname(brought[0] ?? '')}`] : []),
          'install',
          '--no-recommends',
          ...names,
        ],
      };
    case 'pacman':
      return { ...rest, install: ['pacman', '--noconfirm', ...(alone ? ['-U'] : ['-Sy', '--needed']), ...what] };
  }
}

/** Of itself it tries each file four times: where there is no network that is more than ten minutes, until it says so. */
const APT_GIVES_UP = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20'];

/** Whether a file of the stick is a package for this manager and architecture (`amd64`, `arm64` as Debian says it). */
export function isPackageFile(manager: Manager, architecture: Architecture, file: string): boolean {
  const debian = architecture === 'x64' ? 'amd64' : 'arm64';
  const kernel = architecture === 'x64' ? 'x86_64' : 'aarch64';
  switch (manager) {
    case 'apt-get':
      return file.endsWith(`_${debian}.deb`) || file.endsWith('_all.deb');
    case 'dnf':
    case 'yum':
    case 'zypper':
      return file.endsWith(`.${kernel}.rpm`) || file.endsWith('.noarch.rpm');
    case 'pacman':
      return new RegExp(`-(?:${kernel}|any)\\.pkg\\.tar\\.[a-z]+$`).test(file);
  }
}
