import { spawn } from 'node:child_process';
import { end, run, waitFor } from '../../scripts/lab/exec.ts';
import { createRoot } from './root.ts';

/**
 * Programs that a node may have beside skerry (firewalls, resolvers, conntrack's tool), as Debian ships them: their files are in a root of their own, their
 * packets in the network namespace of the process that is named.
 */
export type Beside = {
  /** With what it said in the error where it fails. */
  readonly run: (netnsOf: number, argv: readonly string[], input?: string) => Promise<string>;
  /** For what goes on until it is stopped; waits until `isUp` says so. */
  readonly start: (
    netnsOf: number,
    argv: readonly string[],
    isUp: () => Promise<boolean>,
  ) => Promise<{ readonly stop: () => Promise<void> }>;
  readonly remove: () => Promise<void>;
};

export async function createBeside(name: 'beside' | 'resolvers' = 'beside'): Promise<Beside> {
  const root = await createRoot(name);
  const stops = new Set<() => Promise<void>>();
  const enter = (netnsOf: number, argv: readonly string[]) => [
    '-t',
    String(netnsOf),
    '-n',
    'unshare',
    '--mount',
    'sh',
    '-ec',
    ENTER,
    'sh',
    root.folder,
    ...argv,
  ];
  return {
    run: (netnsOf, argv, input = '') => run('nsenter', enter(netnsOf, argv), { input }),
    start: async (netnsOf, argv, isUp) => {
      let said = '';
      const child = spawn('nsenter', enter(netnsOf, argv), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const stop = async () => {
        stops.delete(stop);
        await end(child);
      };
      stops.add(stop);
      const look = async () => {
        if (child.exitCode !== null) throw new Error(`${argv.join(' ')} has ended`);
        return (await isUp()) || undefined;
      };
      await waitFor(`${argv[0]} to be up`, look).catch((error: unknown) => {
        throw new Error(`${argv.join(' ')}: ${said}`, { cause: error });
      });
      return { stop };
    },
    remove: async () => {
      // Who was started last may live by those before.
      for (const stop of [...stops].toReversed()) await stop();
      root.remove();
    },
  };
}

/** Devices and /proc as this machine has them, in a mount namespace of each command's own. */
const ENTER = `
root=$1
shift
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" "$@"
`;
