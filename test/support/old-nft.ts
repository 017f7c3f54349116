import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import type { Command } from '#net/wire/command.ts';
import { createRoot, debsFor } from './root.ts';

/** The nft of Debian 11 (0.9.8), the oldest that is used, in any network namespace of this machine; it speaks to the same kernel as this one's. */
export type OldNft = {
  /** As `command`, but with that nft. */
  readonly in: (command: Command) => Command;
  readonly remove: () => void;
};

export async function installOldNft(): Promise<OldNft> {
  const debs = await debsFor('bullseye', ['iproute2', 'nftables']);
  const root = await createRoot('bullseye');
  const installed = await root.run(['sh', '-c', 'dpkg -i /debs/*.deb'], { bind: { '/debs': debs } });
  if (installed.code !== 0) throw new Error(`install nft of Debian 11: ${installed.stderr}`);
  await run('mkdir', ['-p', join(root.folder, 'proc'), join(root.folder, 'dev')]);
  return {
    in: (command) => (file, args, input, signal) =>
      file === 'nft'
        ? command('unshare', ['--mount', 'sh', '-euc', ENTER, 'sh', root.folder, ...args], input, signal)
        : command(file, args, input, signal),
    remove: root.remove,
  };
}

/** A shell, as the mounts are this process's own; everything that varies is an argument. */
const ENTER = `
root=$1
shift
mount --bind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" /usr/sbin/nft "$@"
`;
