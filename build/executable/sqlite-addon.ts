import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import { kept, type Progress } from './kept.ts';
import { sysrootSums } from './sysroot.ts';
import { toolOf, type Target } from './targets.ts';

/**
 * better-sqlite3's addon for the oldest system that is supported: the one in its package asks for glibc 2.34. Two compiler calls with the package's own
 * defines; node-gyp would want Python and make for the same.
 */
const ROOT = join(import.meta.dirname, '../..');
const PACKAGE = join(ROOT, 'node_modules/better-sqlite3');
const GLIBC_MAX = [2, 31] as const;

/** Path of the addon. Throws if what came out asks for a newer glibc. */
export async function sqliteAddonFor(target: Target, sysroot: string, nodeFolder: string, say: Progress): Promise<string> {
  const compiler = await run(toolOf(target, 'g++'), ['--version']);
  const inputs = [
    readFileSync(join(PACKAGE, 'package.json')),
    readFileSync(import.meta.filename),
    sysrootSums(sysroot),
    compiler,
  ];
  const folder = await kept(`sqlite-${target.arch}`, inputs, (made) => compile(target, sysroot, nodeFolder, made), say);
  return join(folder, ADDON);
}

const ADDON = 'better_sqlite3.node';

async function compile(target: Target, sysroot: string, nodeFolder: string, folder: string): Promise<void> {
  const gcc = join(sysroot, 'usr/lib/gcc', target.triple, '10');
  const common = [`--sysroot=${sysroot}`, '-O3', '-DNDEBUG', '-fPIC', '-w', `-ffile-prefix-map=${ROOT}=.`];
  const sqlite = join(folder, 'sqlite3.o');
  const addon = join(folder, 'addon.o');
  await Promise.all([
    run(toolOf(target, 'gcc'), [
      ...common,
      ...sqliteDefines(),
      '-std=c99',
      '-c',
      join(PACKAGE, 'deps/sqlite3/sqlite3.c'),
      '-o',
      sqlite,
    ]),
    run(toolOf(target, 'g++'), [
      ...common,
      '-nostdinc++',
      ...['usr/include/c++/10', `usr/include/${target.triple}/c++/10`].flatMap((path) => ['-isystem', join(sysroot, path)]),
      '-std=c++20',
      ...['NAPI_VERSION=10', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'].map(
        (define) => `-D${define}`,
      ),
      ...[join(nodeFolder, 'include/node'), join(ROOT, 'node_modules/node-addon-api'), join(PACKAGE, 'deps/sqlite3')].map(
        (path) => `-I${path}`,
      ),
      '-fvisibility=hidden',
      '-fvisibility-inlines-hidden',
      '-c',
      join(PACKAGE, 'src/better_sqlite3.cpp'),
      '-o',
      addon,
    ]),
  ]);
  const file = join(folder, ADDON);
  const libraries = [gcc, join(sysroot, 'usr/lib', target.triple)];
  await run(toolOf(target, 'g++'), [
    `--sysroot=${sysroot}`,
    ...libraries.map((path) => `-B${path}`),
    ...[...libraries, join(sysroot, 'lib', target.triple)].map((path) => `-L${path}`),
    '-shared',
    '-s',
    '-static-libstdc++',
    '-static-libgcc',
    '-Wl,-Bsymbolic',
    '-Wl,--exclude-libs,ALL',
    '-Wl,--build-id=none',
    addon,
    sqlite,
    '-ldl',
    '-lpthread',
    '-o',
    file,
  ]);
  const symbols = await run(toolOf(target, 'objdump'), ['-T', file]);
  const tooNew = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].find(
    ([, major, minor]) => Number(major) > GLIBC_MAX[0] || Number(minor) > GLIBC_MAX[1],
  );
  if (tooNew !== undefined)
    throw new Error(
      `the SQLite addon for ${target.arch} asks for ${tooNew[0]}, and ${GLIBC_MAX.join('.')} is the oldest supported`,
    );
}

/** The options of SQLite that better-sqlite3 compiles it with: a list of quoted names in a file that its authors generate. */
function sqliteDefines(): readonly string[] {
  const defines = [...readFileSync(join(PACKAGE, 'deps/defines.gypi'), 'utf8').matchAll(/'([A-Z][A-Z0-9_]*(?:=[^']*)?)'/g)].map(
    ([, define]) => `-D${define}`,
  );
  if (defines.length < 20)
    throw new Error(`read the defines of better-sqlite3: only ${defines.length} were found in deps/defines.gypi`);
  return defines;
}
