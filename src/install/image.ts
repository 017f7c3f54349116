import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { bornAs } from './born-as.ts';
import { architectureOf } from './elf.ts';

/** What has to hold of a system's folder, such as a mounted card, that is prepared for machines yet to start: each makes a key of its own then. */
const SHELLS = ['usr/bin/sh', 'bin/sh', 'usr/bin/dash', 'bin/busybox'];
const LOADERS = [
  'lib64/ld-linux-x86-64.so.2',
  'lib/ld-linux-aarch64.so.1',
  'usr/lib64/ld-linux-x86-64.so.2',
  'usr/lib/ld-linux-aarch64.so.1',
];

/** Gives the folder's real path. Throws Usage with what is wrong with it. */
export function checkImage(image: string, executable: string, { installEngine }: { readonly installEngine: boolean }): string {
  const wrong = (why: string) => wrongImage(image, why);
  if (!existsSync(image) || !statSync(image).isDirectory()) throw wrong('there is no such folder');
  const root = realpathSync(image);
  const [there, own] = [statSync(root), statSync('/')];
  if (there.dev === own.dev && there.ino === own.ino)
    throw wrong('it is the system that runs: leave --image out to install skerry there');
  if (installEngine)
    throw wrong(
      'nothing is run in a system that is only prepared, so no engine can be installed into it: leave --install-engine out, and install one there',
    );
  const shell = SHELLS.map((file) => join(root, file)).find((file) => isFile(file));
  if (shell === undefined) throw wrong('it holds no system (no bin/sh): mount the card first, and give the folder of its root');
  const [theirs, ours] = [architectureOf(shell), architectureOf(executable)];
  if (theirs !== ours)
    throw wrong(
      `it is a system for ${theirs ?? 'a machine that skerry does not run on'}, and this skerry is for ${ours ?? 'another one'}: use the skerry of that architecture (qemu-user runs it here)`,
    );
  if (!LOADERS.some((file) => lstatSync(join(root, file), { throwIfNoEntry: false }) !== undefined))
    throw wrong('it has no glibc (Alpine has musl): skerry needs glibc 2.31 or newer');
  return root;
}

/** Who was somebody already would be so on every machine that is made from it. `dataDir`: as the system itself sees it. Throws Usage. */
export function checkUnborn(root: string, dataDir: string): void {
  const born = bornAs(root, dataDir).type;
  if (born === 'node' || existsSync(join(root, dataDir, 'agent/node.key')))
    throw wrongImage(
      root,
      `it holds a node's identity already (${dataDir}/agent): every machine made from it would be the same node; remove that folder first`,
    );
  if (born === 'server')
    throw wrongImage(
      root,
      `it holds a cluster already (${dataDir}/server): every machine made from it would have its keys; remove that folder first`,
    );
}

const wrongImage = (image: string, why: string): SkerryError =>
  new SkerryError('Usage', `prepare the system in ${image}: ${why}`);

/** Also where a link leads; one that leads from another system into this one's folders is none of it. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
