import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { runCommand, type Command } from '#net/wire/command.ts';
import { until } from './engine.ts';

/** A network namespace held by a sleeping process: a host of its own as far as the network goes. Needs root. */
export type Netns = {
  readonly pid: number;
  /** Commands run inside, for createWiring. */
  readonly command: Command;
  /** One command inside, its output back. */
  readonly run: (...args: readonly string[]) => Promise<string>;
  readonly stop: () => void;
};

const exec = promisify(execFile);

export async function startNetns(): Promise<Netns> {
  const holder = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' });
  const pid = holder.pid ?? 0;
  const own = (await exec('readlink', ['/proc/self/ns/net'])).stdout;
  await until(async () => {
    const [name, theirs] = await Promise.all([exec('cat', [`/proc/${pid}/comm`]), exec('readlink', [`/proc/${pid}/ns/net`])]);
    return name.stdout.trim() === 'sleep' && theirs.stdout !== own;
  }, 'the network namespace');
  const command: Command = (file, args, input, signal) =>
    runCommand('nsenter', ['-t', String(pid), '-n', file, ...args], input, signal);
  const { signal } = new AbortController();
  const run = (...[file = '', ...args]: readonly string[]) => command(file, args, '', signal);
  await run('ip', 'link', 'set', 'lo', 'up');
  // As on a fresh machine. It is inherited from the one that runs the tests, where some engine may have turned it on.
  await command('tee', ['/proc/sys/net/ipv4/ip_forward'], '0\n', signal);
  return { pid, command, run, stop: () => void holder.kill('SIGKILL') };
}

/** A cable between two of them, with an address at each end. */
export async function connect(a: Netns, addressA: string, b: Netns, addressB: string): Promise<void> {
  const [nameA, nameB] = [`to-${b.pid}`, `to-${a.pid}`];
  await a.run('ip', 'link', 'add', nameA, 'type', 'veth', 'peer', 'name', nameB, 'netns', String(b.pid));
  for (const [ns, name, address] of [
    [a, nameA, addressA],
    [b, nameB, addressB],
  ] as const) {
    await ns.run('ip', 'addr', 'add', `${address}/24`, 'dev', name);
    await ns.run('ip', 'link', 'set', name, 'up');
  }
}
