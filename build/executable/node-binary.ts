import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import { kept, type Progress } from './kept.ts';
import { NODE_VERSION, toolOf, type Target } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The folder of the target's Node: `bin/node` as it was published, `node` without its symbols, `include/`. Both sums are pinned: that of the package in the lock file, that of the program in targets.ts. */
export function nodeFor(target: Target, say: Progress): Promise<string> {
  const { arch, nodeSha256 } = target;
  const integrity = lockedIntegrity(arch);
  return kept(
    `node-${arch}`,
    [NODE_VERSION, nodeSha256, integrity],
    async (folder) => {
      const installed = join(ROOT, 'node_modules', `node-linux-${arch}`);
      if (existsSync(installed)) await run('cp', ['-a', join(installed, 'bin'), join(installed, 'include'), folder]);
      else await unpackFromRegistry(arch, integrity, folder);
      const node = join(folder, 'bin/node');
      const found = createHash('sha256').update(readFileSync(node)).digest('hex');
      if (found !== nodeSha256)
        throw new Error(`node-linux-${arch}@${NODE_VERSION}: bin/node has the sum ${found}, and ${nodeSha256} is pinned`);
      copyFileSync(node, join(folder, 'node'));
      await run(toolOf(target, 'strip'), ['-s', join(folder, 'node')]);
    },
    say,
  );
}

/** npm installs no package of another architecture: the tarball is fetched as it is. */
async function unpackFromRegistry(arch: string, integrity: string, folder: string): Promise<void> {
  await run('npm', ['pack', '--silent', '--pack-destination', folder, `node-linux-${arch}@${NODE_VERSION}`]);
  const [name] = readdirSync(folder);
  const tarball = join(folder, name ?? '');
  const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (found !== integrity)
    throw new Error(`node-linux-${arch}@${NODE_VERSION}: the package has the sum ${found}, and the lock file ${integrity}`);
  await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
}

function lockedIntegrity(arch: string): string {
  // Sound: npm wrote it; another shape has no such package, which is told.
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
  };
  const locked = lock.packages[`node_modules/node-linux-${arch}`];
  if (locked?.version !== NODE_VERSION || locked.integrity === undefined)
    throw new Error(`package-lock.json has node-linux-${arch}@${locked?.version ?? 'nothing'}, and targets.ts ${NODE_VERSION}`);
  return locked.integrity;
}
