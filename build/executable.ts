import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensure, type Requirement } from '../scripts/lab/requirements.ts';
import { buildExecutable } from './executable/build-executable.ts';
import { TARGETS, isNative, toolOf, type Arch, type Target } from './executable/targets.ts';

/** `npm run build [-- --arch x64]`: makes dist/skerry-linux-<arch>. */
const DIST = join(import.meta.dirname, '../dist');

const { values } = parseArgs({ options: { arch: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } } });
const say = (text: string) => console.error(`build: ${text}`);

if (values.help === true)
  console.log('npm run build [-- --arch x64|arm64]: makes dist/skerry-linux-<arch>, both where none is named');
else
  await main().catch((error: unknown) => {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });

async function main(): Promise<void> {
  const targets = (values.arch ?? Object.keys(TARGETS)).map(targetNamed);
  await ensure(targets.flatMap(toolsFor), say);
  mkdirSync(DIST, { recursive: true });
  for (const target of targets) {
    const work = join(DIST, `.work-${target.arch}-${process.pid}`);
    const output = join(DIST, `skerry-linux-${target.arch}`);
    try {
      await buildExecutable({ target, work, output, say });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    say(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
  }
}

function targetNamed(name: string): Target {
  if (!Object.hasOwn(TARGETS, name)) throw new Error(`there is no architecture ${JSON.stringify(name)}: use x64 or arm64`);
  // Sound: looked up just now.
  return TARGETS[name as Arch];
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
