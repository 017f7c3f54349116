import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import { fitPages } from './page-size.ts';
import { PLACES, UNKNOWN_PLACES, writePlaces } from './places.ts';
import { NODE_VERSION, type Target } from './targets.ts';

/** Makes one file of Node, the loader and the assets: with pkg, which makes a single executable application of Node's. */

const SEA_CONFIG = {
  disableExperimentalSEAWarning: true,
  useSnapshot: false,
  // Ours (code-cache.ts), as Node's would be of the architecture that packs.
  useCodeCache: false,
  // The young generation begins with what a command needs from start to exit, so that it collects nothing. No limit is set: a server with a small one takes a
  // fifth fewer writes. What starts an agent gives it its own (install/launch).
  // Authorities are the system's, as for kubectl and curl: Node's own it would parse all at each start, 10 ms of another core and 1.6 MB.
  execArgv: ['--disable-warning=DEP0169', '--disable-warning=ExperimentalWarning', '--use-openssl-ca', '--min-semi-space-size=2'],
  // NODE_OPTIONS of whoever starts us is for other programs; `skerry --node-options="…"` is for this one.
  execArgvExtension: 'cli',
} as const;

export type Parts = {
  readonly target: Target;
  /** The Node that becomes the executable. */
  readonly node: string;
  readonly loader: string;
  /** Name → file. */
  readonly assets: Readonly<Record<string, string>>;
};

/** Writes the executable to `output`, by way of `work`, an empty folder on the same disk. */
export async function pack({ target, node, loader, assets }: Parts, work: string, output: string): Promise<void> {
  const home = join(work, 'home');
  seedPkgCache(home, target, node);
  copyFileSync(loader, join(work, 'loader.cjs'));
  const places = join(work, PLACES);
  writeFileSync(places, UNKNOWN_PLACES);
  const unfinished = join(work, basename(output));
  const config = {
    loader: join(work, 'loader.cjs'),
    targets: [{ platform: 'linux', arch: target.arch, nodeRange: `node${NODE_VERSION}`, output: unfinished }],
    // The path of the script ends up inside: this one is the same wherever it is built. pkg works in a folder below TMPDIR.
    seaConfig: { ...SEA_CONFIG, main: '../loader.cjs', assets: { ...assets, [PLACES]: places } },
  };
  await run(process.execPath, [join(import.meta.dirname, 'pkg-sea.cjs'), JSON.stringify(config)], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: work },
  });
  fitPages(unfinished, target.pageBytesMax);
  writePlaces(unfinished, assets);
  mkdirSync(dirname(output), { recursive: true });
  renameSync(unfinished, output);
}

/** pkg would download Node from its own home: what its cache holds, marked as whole, it takes as it is. */
function seedPkgCache(home: string, { arch }: Target, node: string): void {
  const release = join(home, `.pkg-cache/sea/node-v${NODE_VERSION}-linux-${arch}`);
  mkdirSync(join(release, 'bin'), { recursive: true });
  copyFileSync(node, join(release, 'bin/node'));
  for (const mark of [join(release, 'bin/node.ok'), `${release}.tar.gz`, `${release}.tar.gz.ok`]) writeFileSync(mark, '');
}
