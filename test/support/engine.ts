import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '#lib/clock.ts';
import { writeTar } from '#lib/tar.ts';

/**
 * A Docker engine of a test's own: data, socket, control group and pids in a temporary folder, no bridge, no firewall rules. Stopped and
 * cleaned up by `stop`, whatever state it is in. Needs root and the distribution's docker.io.
 */
export type TestEngine = {
  readonly socketPath: string;
  readonly dir: string;
  readonly cgroupParent: string;
  /** Ends dockerd at once and brings it up again on the same data: containers are dead, as after a power cut. */
  readonly powerCut: () => Promise<void>;
  /** Kills (or stops with SIGSTOP, so that it hangs) only the daemon. */
  readonly signalDaemon: (signal: NodeJS.Signals) => void;
  readonly stop: () => Promise<void>;
};

const START_MS_MAX = 30_000;
const run = promisify(execFile);

/** `settings`: its daemon.json. `pid`: of a process in whose network namespace it keeps a bridge and rules, as Docker does by itself. */
export async function startEngine(settings: object = { 'live-restore': true }, pid?: number): Promise<TestEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'skerry-engine-'));
  const cgroupParent = `/skerry-test-${dir
    .slice(-6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, 'x')}`;
  const socketPath = join(dir, 'docker.sock');
  await writeFile(join(dir, 'daemon.json'), JSON.stringify(settings));
  let daemon = spawnDaemon(dir, socketPath, pid);
  await answering(socketPath);

  const endDaemon = async () => {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGCONT');
    daemon.kill('SIGKILL');
    if (daemon.exitCode === null && daemon.signalCode === null) await ended;
    for (const pid of await helpersOf(dir)) kill(pid);
    await until(async () => (await helpersOf(dir)).length === 0, 'the engine to be gone');
    for (const point of mountsBelow(dir)) await run('umount', ['-l', point]).catch(() => undefined);
  };

  return {
    socketPath,
    dir,
    cgroupParent,
    powerCut: async () => {
      await endDaemon();
      await rm(join(dir, 'exec'), { recursive: true, force: true });
      await rm(join(dir, 'docker.pid'), { force: true });
      daemon = spawnDaemon(dir, socketPath, pid);
      await answering(socketPath);
    },
    signalDaemon: (signal) => daemon.kill(signal),
    stop: async () => {
      await endDaemon();
      await rm(dir, { recursive: true, force: true });
      await removeCgroups(cgroupParent);
    },
  };
}

/** Loads an image made of /bin/busybox (static) under this name; returns its id. Its entrypoint is given by the container. */
export async function loadBusybox(
  socketPath: string,
  reference: string,
  options: { readonly user?: string; readonly marker?: string } = {},
) {
  const busybox = readFileSync('/bin/busybox');
  const applets = [
    'sh',
    'sleep',
    'cat',
    'echo',
    'ls',
    'id',
    'wget',
    'ping',
    'hostname',
    'touch',
    'ip',
    'nc',
    'httpd',
    'true',
    'false',
    'kill',
    'env',
    'stat',
  ];
  const wrapper = (applet: string) => Buffer.from(`#!/bin/busybox sh\nexec /bin/busybox ${applet} "$@"\n`);
  const layer = writeTar([
    { name: 'bin/busybox', mode: 0o755, content: busybox },
    ...applets.map((name) => ({ name: `bin/${name}`, mode: 0o755, content: name === 'sh' ? busybox : wrapper(name) })),
    { name: 'etc/passwd', mode: 0o644, content: Buffer.from('root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n') },
    { name: 'marker', mode: 0o644, content: Buffer.from(options.marker ?? '') },
  ]);
  const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], User: options.user ?? '' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha(layer)}`] },
    }),
  );
  const manifest = JSON.stringify([{ Config: `${sha(config)}.json`, RepoTags: [reference], Layers: ['layer.tar'] }]);
  const archive = writeTar([
    { name: `${sha(config)}.json`, mode: 0o644, content: config },
    { name: 'layer.tar', mode: 0o644, content: layer },
    { name: 'manifest.json', mode: 0o644, content: Buffer.from(manifest) },
  ]);
  const file = join(await mkdtemp(join(tmpdir(), 'skerry-image-')), 'image.tar');
  await writeFile(file, archive);
  await run('docker', ['-H', `unix://${socketPath}`, 'load', '-q', '-i', file]);
  await rm(join(file, '..'), { recursive: true, force: true });
  return `sha256:${sha(config)}`;
}

/** Waits for a condition with a deadline, looking again now and then. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, withinMs = START_MS_MAX): Promise<void> {
  const deadline = systemClock.monotonic() + withinMs;
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const NO_NETWORK = ['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--bridge=none'];

function spawnDaemon(dir: string, socketPath: string, pid: number | undefined): ChildProcess {
  const [program, ...before] = pid === undefined ? ['dockerd'] : ['nsenter', '-t', String(pid), '-n', 'dockerd'];
  return spawn(
    program ?? '',
    [
      ...before,
      `--data-root=${join(dir, 'data')}`,
      `--exec-root=${join(dir, 'exec')}`,
      `--pidfile=${join(dir, 'docker.pid')}`,
      `--host=unix://${socketPath}`,
      `--config-file=${join(dir, 'daemon.json')}`,
      ...(pid === undefined ? NO_NETWORK : []),
      '--userland-proxy=false',
      '--log-level=error',
    ],
    { stdio: 'ignore' },
  );
}

async function answering(socketPath: string): Promise<void> {
  await until(async () => {
    if (!existsSync(socketPath)) return false;
    return run('docker', ['-H', `unix://${socketPath}`, 'version']).then(
      () => true,
      () => false,
    );
  }, 'the engine to answer');
}

/** containerd, shims and their containers: whose command line, or whose control group's, names our folder. */
async function helpersOf(dir: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const ours = pids.filter((pid) => pid !== process.pid && commandOf(pid).includes(join(dir, 'exec')));
  const children = pids.filter((pid) => ours.includes(parentOf(pid)));
  return [...new Set([...ours, ...children])];
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
    return;
  }
}

function mountsBelow(dir: string): readonly string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${dir}/`)).toReversed();
}

async function removeCgroups(parent: string): Promise<void> {
  for (const hierarchy of await readdir('/sys/fs/cgroup')) await removeTree(join('/sys/fs/cgroup', hierarchy, parent));
  await removeTree(join('/sys/fs/cgroup', parent));
}

async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path).catch(() => undefined);
}
