import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { end, run, start, tryRun, waitFor } from './exec.ts';
import { removeCgroups, removePodCgroups } from './cgroups.ts';
import { engineAnswers } from './engine.ts';
import type { Lan } from './network.ts';

/**
 * A host of the lab: a network namespace, and a set of mount, pid, uts and ipc namespaces whose pid 1 stands for the power. Its disk is
 * a folder that survives a power cut; /run does not. It has a Docker engine of its own and runs the agent (or the server).
 */
export type Host = {
  readonly name: string;
  readonly index: number;
  readonly address: string;
  readonly disk: string;
  /** The engine's socket as seen from outside. */
  readonly engineSocket: () => string;
  /** Powers the host on; with `engine` also starts dockerd and waits until it answers. */
  readonly boot: (options: { readonly engine: boolean }) => Promise<void>;
  /** kill -9 of everything on it, at once. */
  readonly cutPower: () => Promise<void>;
  /** Runs a command on the host to its end. */
  readonly exec: (...argv: readonly string[]) => Promise<string>;
  /** Starts a command that goes on; its output goes to `<disk>/log/<name>.log`. */
  readonly launch: (name: string, argv: readonly string[]) => ChildProcess;
  /** Ends what `launch` started: the program itself, for nsenter, which waits for it, passes no signal on. */
  readonly end: (child: ChildProcess, signal: NodeJS.Signals) => Promise<void>;
  readonly logFile: (name: string) => string;
  readonly startEngine: () => Promise<void>;
  /** kill -9 of the engine alone. */
  readonly killEngine: () => Promise<void>;
  /** The engine stops answering, and goes on. */
  readonly hangEngine: () => Promise<void>;
  readonly resumeEngine: () => void;
  readonly pid: () => number;
  readonly remove: () => Promise<void>;
};

const POWER_SCRIPT = `
mount -t tmpfs tmpfs /run
mkdir -p /var/lib/docker "$1/docker" "$1/etc-docker"
mount --bind "$1/docker" /var/lib/docker
mkdir -p /etc/docker && mount --bind "$1/etc-docker" /etc/docker
hostname "$2"
touch /run/up
trap 'exit 0' TERM
while :; do sleep 3600 & wait $!; done
`;

/**
 * As a board starts its services: what the shell of whoever runs the lab has set is none of theirs (authorities of Node's own took 20 MB of each process), nor is
 * the configuration of a skerry on this machine.
 */
const ENVIRONMENT = { PATH: process.env['PATH'], HOME: '/root', SKERRY_CONFIG: '/dev/null' };

export async function createHost(labId: string, index: number, name: string, root: string, lan: Lan): Promise<Host> {
  const namespace = `sk${labId}h${index}`;
  const disk = join(root, name);
  const cgroup = `/skerry-lab-${labId}/${name}`;
  mkdirSync(join(disk, 'log'), { recursive: true });
  let power: ChildProcess | undefined;
  let engine: ChildProcess | undefined;
  let pid = 0;
  /** Nothing is started on it any more. */
  let over = false;
  let poweringOn: Promise<void> = Promise.resolve();
  const checkThere = () => {
    if (over) throw new Error(`${name} has been removed`);
  };

  const enter = () => ['-t', String(pid), '-m', '-u', '-p', '-i', `--net=/run/netns/${namespace}`, '--'];
  const launch = (logName: string, argv: readonly string[]) => {
    checkThere();
    const log = openSync(logFile(logName), 'a');
    const child = start('nsenter', [...enter(), ...argv], { stdio: ['ignore', log, log], env: ENVIRONMENT });
    closeSync(log);
    return child;
  };
  const logFile = (logName: string) => join(disk, 'log', `${logName}.log`);
  const engineSocket = () => `/proc/${pid}/root/run/docker.sock`;

  const startEngine = async () => {
    engine = launch('dockerd', [
      'dockerd',
      '--host=unix:///run/docker.sock',
      '--data-root=/var/lib/docker',
      '--exec-root=/run/docker',
      '--pidfile=/run/docker.pid',
      `--cgroup-parent=${cgroup}`,
      '--live-restore=true',
      '--userland-proxy=false',
      '--storage-driver=overlay2',
    ]);
    await waitFor(`the engine of ${name} (log: ${logFile('dockerd')})`, () => engineAnswers(engineSocket()), 60_000);
  };

  const cutPower = async () => {
    const child = power;
    if (child === undefined) return;
    power = undefined;
    // The pid namespace dies with its first process, and all that runs in it with the namespace.
    if (pid !== 0 && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    await waitFor(`${name} to lose power`, () => (pid !== 0 && existsSync(`/proc/${pid}`) ? undefined : true), 10_000, 5);
    child.kill('SIGKILL');
    // The network namespace outlives the power, and for minutes what its connections still want to say over a cable that is cut.
    await lan.unplug(index);
    await tryRun('ip', ['netns', 'del', namespace]);
  };

  const boot = async ({ engine: withEngine }: { readonly engine: boolean }) => {
    checkThere();
    poweringOn = powerOn();
    await poweringOn;
    if (withEngine) await startEngine();
  };

  const powerOn = async () => {
    pid = 0;
    await tryRun('ip', ['netns', 'del', namespace]);
    await run('ip', ['netns', 'add', namespace]);
    await lan.plug(index, namespace);
    const log = openSync(logFile('power'), 'a');
    power = start(
      'nsenter',
      [
        `--net=/run/netns/${namespace}`,
        '--',
        'unshare',
        '-m',
        '-u',
        '-p',
        '-i',
        '-f',
        '--mount-proc',
        '--kill-child',
        '/bin/sh',
        '-ec',
        POWER_SCRIPT,
        'power',
        disk,
        name,
      ],
      {
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    const outer = power.pid ?? 0;
    pid = await waitFor(`${name} to boot (log: ${logFile('power')})`, () => childOf(outer));
    await waitFor(`${name} to be up (log: ${logFile('power')})`, () =>
      existsSync(`/proc/${pid}/root/run/up`) ? true : undefined,
    );
  };

  return {
    name,
    index,
    address: lan.addressOf(index),
    disk,
    engineSocket,
    boot,
    cutPower,
    exec: (...argv) => run('nsenter', [...enter(), ...argv], { env: ENVIRONMENT }),
    launch,
    end: async (child, signal) => {
      const pid = child.pid === undefined ? undefined : childOf(child.pid);
      await end(child, signal, pid === undefined ? {} : { pid });
    },
    logFile,
    startEngine,
    killEngine: async () => {
      await run('nsenter', [...enter(), '/bin/sh', '-c', 'kill -9 "$(cat /run/docker.pid)"']);
    },
    hangEngine: async () => {
      await run('nsenter', [...enter(), '/bin/sh', '-c', 'kill -STOP "$(cat /run/docker.pid)"']);
    },
    // nsenter stops itself with what it stands for, and has both go on.
    resumeEngine: () => void engine?.kill('SIGCONT'),
    pid: () => pid,
    remove: async () => {
      over = true;
      await poweringOn.catch(() => undefined);
      engine?.kill('SIGCONT');
      await cutPower();
      await tryRun('ip', ['netns', 'del', namespace]);
      removePodCgroups(disk);
      removeCgroups(cgroup);
      await waitFor(`the disk of ${name} to be free`, () => removeTree(disk), 20_000, 200);
    },
  };
}

/** The process that `unshare -f` or `nsenter -p` forked: it is the only child of the pid that was started. Undefined where that is gone. */
function childOf(pid: number): number | undefined {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return children === '' ? undefined : Number(children.split(' ')[0]);
}

function removeTree(path: string): true {
  rmSync(path, { recursive: true, force: true });
  return true;
}
