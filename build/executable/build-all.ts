import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, type Requirement } from '../../scripts/lab/requirements.ts';
import { buildExecutable, type Building, type Built } from './build-executable.ts';
import { isNative, toolOf, type Target } from './targets.ts';

/** Makes `<folder>/skerry-linux-<arch>` for each target, one after the other; installs the compilers that are missing first. */
export async function buildAll(
  targets: readonly Target[],
  { folder, ...what }: { readonly folder: string } & Pick<Building, 'version' | 'releaseKeys' | 'releaseUrl' | 'say'>,
): Promise<readonly (Built & { readonly target: Target; readonly output: string })[]> {
  await ensure(targets.flatMap(toolsFor), what.say);
  mkdirSync(folder, { recursive: true });
  const all = [];
  for (const target of targets) {
    const work = join(folder, `.work-${target.arch}-${process.pid}`);
    const output = join(folder, `skerry-linux-${target.arch}`);
    try {
      all.push({ target, output, ...(await buildExecutable({ target, work, output, ...what })) });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return all;
}

/** Debian's names of what compiles for the target and runs its programs. */
function toolsFor(target: Target): readonly Requirement[] {
  const cross = isNative(target) ? '' : `-${target.triple.replace('_', '-')}`;
  return [
    { program: toolOf(target, 'gcc'), package: `gcc${cross}` },
    { program: toolOf(target, 'g++'), package: `g++${cross}` },
    { program: toolOf(target, 'strip'), package: `binutils${cross}` },
    { program: 'dpkg-deb', package: 'dpkg' },
    ...(isNative(target) ? [] : [{ program: target.emulator, package: 'qemu-user-static' }]),
  ];
}
