import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, type ScriptName } from './bundle.ts';
import { makeCodeCache } from './code-cache.ts';
import type { Progress } from './kept.ts';
import { nodeFor } from './node-binary.ts';
import { pack } from './pack.ts';
import { sqliteAddonFor } from './sqlite-addon.ts';
import { sysrootFor } from './sysroot.ts';
import type { Target } from './targets.ts';
import { startWarmUpServer, type WarmUpServer } from './warm-up-server.ts';

export type Building = {
  readonly target: Target;
  /** A folder to work in that does not exist; the caller removes it. */
  readonly work: string;
  readonly output: string;
  readonly version: string;
  /** PEM, Ed25519, public: what releases that this one may be upgraded to are signed with. */
  readonly releaseKeys: readonly string[];
  /** Where newer releases will stand, if that is known. */
  readonly releaseUrl: string | undefined;
  readonly say: Progress;
};

/** What stands in an executable, for who has to name it. */
export type Built = {
  /** Folders of npm packages, relative to the root. */
  readonly packages: readonly string[];
  readonly sysroot: string;
  readonly nodeFolder: string;
};

/** The same bytes for the same sources, keys and tools. */
export async function buildExecutable({ target, work, output, version, releaseKeys, releaseUrl, say }: Building): Promise<Built> {
  const nodeFolder = await nodeFor(target, say);
  const sysroot = await sysrootFor(target, say);
  const addon = await sqliteAddonFor(target, sysroot, nodeFolder, say);
  mkdirSync(work, { recursive: true });
  say(`packing for ${target.arch}`);
  const { scripts, packages } = await bundle(work);
  const release = join(work, 'release.json');
  writeFileSync(release, JSON.stringify({ version, keys: releaseKeys, url: releaseUrl }));
  const node = join(nodeFolder, 'node');
  const loader = join(import.meta.dirname, 'loader.cjs');
  const assets: Record<string, string> = { 'loader.cjs': loader, 'better_sqlite3.node': addon, 'release.json': release };
  const server = await startWarmUpServer(join(work, 'warm-up.kubeconfig'));
  try {
    // Sound: the record has just these.
    for (const [name, warmUp] of Object.entries(warmUps(server)) as [ScriptName, readonly string[]][]) {
      const cache = join(work, `${name}.cache`);
      await makeCodeCache({ target, node, sysroot, bundle: scripts[name], name, warmUp }, cache);
      assets[`${name}.cjs`] = scripts[name];
      assets[`${name}.cache`] = cache;
    }
  } finally {
    server.stop();
  }
  await pack({ target, node, loader, assets }, work, output);
  return { packages, sysroot, nodeFolder };
}

/** Arguments of a run whose functions are compiled in the cache: what every start does, as far as that is the same each time. */
const warmUps = ({ kubeconfig }: WarmUpServer): Readonly<Record<ScriptName, readonly string[]>> => ({
  main: ['version'],
  server: ['server', '--help'],
  agent: ['agent', '--help'],
  cli: ['get', 'pods', '--kubeconfig', kubeconfig],
  worker: [],
});
