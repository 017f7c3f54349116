import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { isPackageFile, type Manager } from './packages.ts';
import type { Architecture } from './release/release-files.ts';
import type { Ran, RunProgram } from './run-program.ts';

/**
 * What dpkg knows: which packages were begun and not finished here, and which of a stick are of use. Sticks get old: what this system has in the same version or a newer one is left out, since a package
 * manager would refuse all of them for the sake of the one that it had to downgrade.
 */
const DPKG_MS_MAX = 60_000;

/** Paths, in a fixed order. Throws Usage where there is no such folder. */
export async function broughtPackages(
  folder: string,
  manager: Manager,
  architecture: Architecture,
  run: RunProgram,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const files = packageFiles(folder, manager, architecture);
  if (manager !== 'apt-get' || files.length === 0) return files;
  const dpkg = (...argv: readonly string[]) => run(argv, DPKG_MS_MAX, signal);
  const here = await dpkg('dpkg-query', '-W', '-f', '${Package}\t${Version}\t${db:Status-Status}\n');
  const installed = new Map(
    linesOf(here).flatMap((line) => {
      const [name = '', version = '', status] = line.split('\t');
      return status === 'installed' ? [[name, version] as const] : [];
    }),
  );
  const wanted: string[] = [];
  for (const file of files) {
    const [name = '', version = ''] = (
      linesOf(await dpkg('dpkg-deb', '-W', '--showformat=${Package}\t${Version}\n', file))[0] ?? ''
    ).split('\t');
    const there = installed.get(name);
    const isOlder = there === undefined || (await dpkg('dpkg', '--compare-versions', there, 'lt', version));
    if (isOlder === true || (isOlder.type === 'ended' && isOlder.code === 0)) wanted.push(file);
  }
  return wanted;
}

/** Of these; their programs may be there, but nobody has set them up. */
export async function halfInstalled(names: readonly string[], run: RunProgram, signal: AbortSignal): Promise<readonly string[]> {
  const argv = ['dpkg-query', '-W', '-f', '${Package}\t${db:Status-Status}\n', ...names];
  const states = linesOf(await run(argv, DPKG_MS_MAX, signal)).map((line) => line.split('\t'));
  return states.flatMap(([name = '', state = '']) => (HALFWAY.includes(state) ? [name] : []));
}

const HALFWAY = ['half-installed', 'unpacked', 'half-configured'];

function packageFiles(folder: string, manager: Manager, architecture: Architecture): readonly string[] {
  try {
    const files = readdirSync(folder).filter((file) => isPackageFile(manager, architecture, file));
    return files.toSorted().map((file) => join(folder, file));
  } catch (cause) {
    throw new SkerryError('Usage', `look for packages in ${folder}`, { cause });
  }
}

function linesOf(ran: Ran): readonly string[] {
  return ran.type === 'ended' ? ran.stdout.split('\n').filter((line) => line !== '') : [];
}
