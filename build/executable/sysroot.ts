import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import { kept, type Progress } from './kept.ts';
import type { Target } from './targets.ts';

/**
 * The headers and libraries of the oldest system that the executable runs on (Debian 11: glibc 2.31), unpacked from its packages, which apt fetches
 * and verifies from the mirror that this machine uses. Nothing of it is installed; it is also what foreign programs run against under the emulator.
 */
const CODENAME = 'bullseye';
const PACKAGES = [
  // Where its licence stands.
  'gcc-10-base',
  'libc6',
  'libc6-dev',
  'linux-libc-dev',
  'libgcc-10-dev',
  'libgcc-s1',
  'libstdc++-10-dev',
  'libstdc++6',
  'libcrypt1',
  'libcrypt-dev',
];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export function sysrootFor(target: Target, say: Progress): Promise<string> {
  return kept(
    `sysroot-${target.arch}`,
    [CODENAME, ...PACKAGES, target.debian],
    async (folder) => {
      const apt = await privateApt(join(folder, 'apt'), target.debian);
      await run('apt-get', [...apt, '-q', 'update']);
      await run('apt-get', [...apt, '-q', 'download', ...PACKAGES.map((name) => `${name}:${target.debian}`)], {
        cwd: join(folder, 'apt'),
      });
      for (const name of readdirSync(join(folder, 'apt')).filter((file) => file.endsWith('.deb')))
        await run('dpkg-deb', ['-x', join(folder, 'apt', name), folder]);
      const sums = readdirSync(join(folder, 'apt'))
        .filter((file) => file.endsWith('.deb'))
        .map(
          (file) =>
            `${createHash('sha256')
              .update(readFileSync(join(folder, 'apt', file)))
              .digest('hex')}  ${file}`,
        );
      rmSync(join(folder, 'apt'), { recursive: true });
      // Who compiles against it keeps what was made under these.
      writeFileSync(join(folder, SUMS), `${sums.join('\n')}\n`);
      linksStayInside(folder, folder);
    },
    say,
  );
}

const SUMS = 'SHA256SUMS';

export function sysrootSums(sysroot: string): string {
  return readFileSync(join(sysroot, SUMS), 'utf8');
}

/** Options by which apt keeps everything in `folder` and knows only this release. */
async function privateApt(folder: string, architecture: string): Promise<readonly string[]> {
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const sources = await run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(LABEL) $(SUITE) $(CODENAME)']);
  const mirror = sources
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, label, , codename]) => label === 'Debian' && codename !== undefined && !codename.includes('-'))?.[0];
  if (mirror === undefined)
    throw new Error(
      `fetch the packages of Debian ${CODENAME}: apt knows no Debian mirror here: run apt-get update on a Debian with sources`,
    );
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${CODENAME} main\n`);
  return Object.entries({
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Cache::archives': join(folder, 'archives'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/** An absolute link would lead a linker out, to the libraries of this machine. */
function linksStayInside(root: string, folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const kind = lstatSync(path);
    if (kind.isDirectory()) linksStayInside(root, path);
    if (!kind.isSymbolicLink()) continue;
    const to = readlinkSync(path);
    if (!to.startsWith('/')) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), join(root, to)), path);
  }
}
