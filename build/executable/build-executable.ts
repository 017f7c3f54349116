import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { makeCodeCache } from './code-cache.ts';
import type { Progress } from './kept.ts';
import { nodeFor } from './node-binary.ts';
import { pack } from './pack.ts';
import { sqliteAddonFor } from './sqlite-addon.ts';
import { sysrootFor } from './sysroot.ts';
import type { Target } from './targets.ts';

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
  const { main, agent, worker, packages } = await bundle(work);
  const release = join(work, 'release.json');
  writeFileSync(release, JSON.stringify({ version, keys: releaseKeys, url: releaseUrl }));
  const node = join(nodeFolder, 'node');
  const caches = { main: join(work, 'main.cache'), agent: join(work, 'agent.cache'), worker: join(work, 'worker.cache') };
  const made = { target, node, sysroot };
  await makeCodeCache({ ...made, bundle: main, name: 'main', warmUp: WARM_UP }, caches.main);
  await makeCodeCache({ ...made, bundle: agent, name: 'agent', warmUp: AGENT_WARM_UP }, caches.agent);
  await makeCodeCache({ ...made, bundle: worker, name: 'worker', warmUp: [] }, caches.worker);
  const loader = join(import.meta.dirname, 'loader.cjs');
  const assets = {
    'loader.cjs': loader,
    'main.cjs': main,
    'main.cache': caches.main,
    'agent.cjs': agent,
    'agent.cache': caches.agent,
    'worker.cjs': worker,
    'worker.cache': caches.worker,
    'better_sqlite3.node': addon,
    'release.json': release,
  };
  await pack({ target, node, loader, assets }, work, output);
  return { packages, sysroot, nodeFolder };
}

/** What every start of the command line does. */
const WARM_UP = ['version'];
const AGENT_WARM_UP = ['agent', '--help'];
