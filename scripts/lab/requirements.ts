import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './exec.ts';

/** What the lab needs of the machine: each a program and the Debian package that brings it. */
export type Requirement = { readonly program: string; readonly package: string };

export const LAB: readonly Requirement[] = [
  { program: 'dockerd', package: 'docker.io' },
  { program: 'ip', package: 'iproute2' },
  { program: 'nft', package: 'nftables' },
  { program: 'iptables', package: 'iptables' },
  { program: 'unshare', package: 'util-linux' },
  { program: 'busybox', package: 'busybox-static' },
  { program: 'curl', package: 'curl' },
];

/** Clients and peers of the name server; of dnsmasq only the program, no service. */
export const DNS: readonly Requirement[] = [
  { program: 'dig', package: 'bind9-dnsutils' },
  { program: 'dnsmasq', package: 'dnsmasq-base' },
  { program: 'dnsperf', package: 'dnsperf' },
];

export const KUBECTL: Requirement = { program: 'kubectl', package: 'kubernetes-client' };

/** Installs what is missing, as root, from the distribution, starting no system daemon. Throws with the exact command where it can not. */
export async function ensure(requirements: readonly Requirement[], say: (text: string) => void): Promise<void> {
  const missing = requirements.filter(({ program }) => findProgram(program) === undefined);
  const packages = missing.map((requirement) => requirement.package);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0) {
    const first =
      missing.length === 0 ? '' : ` Missing: ${missing.map(({ program }) => program).join(', ')}. Install with:\n  ${command}\n`;
    throw new Error(
      `This needs root: it makes network namespaces and runs container engines in them.${first}\nRun it again as root.`,
    );
  }
  if (missing.length === 0) return;
  if (findProgram('apt-get') === undefined)
    throw new Error(
      `Missing: ${missing.map(({ program }) => program).join(', ')}, and no apt-get to install them with. Install them and run this again.`,
    );
  say(`installing ${packages.join(', ')}`);
  await withoutStartingDaemons(async () => {
    await run('apt-get', ['update', '-qq']);
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  });
  const still = requirements.find(({ program }) => findProgram(program) === undefined);
  if (still !== undefined) throw new Error(`${still.package} is installed, but ${still.program} is still not on the PATH`);
}

/** The program's path, looked for on the PATH and where Debian keeps the administrator's programs. */
export function findProgram(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us: the next folder is asked.
    return false;
  }
}

const POLICY = '/usr/sbin/policy-rc.d';

/** Debian asks this script before a package starts its daemon; 101 forbids it. One that is already there is left alone. */
async function withoutStartingDaemons(work: () => Promise<void>): Promise<void> {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}
