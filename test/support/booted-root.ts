import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tryRun, waitFor, type Output } from '../../scripts/lab/exec.ts';
import { childOf, cut, type Root } from './root.ts';

/** A system that is booted with its own systemd, in a container of systemd-nspawn with a network of its own: a machine as far as units go. */
export type BootedRoot = {
  /** Of its first process, as this machine counts: whose network a cable can be plugged into. */
  readonly pid: number;
  readonly run: (...argv: readonly string[]) => Promise<Output>;
  /** As run, but throws with what was said where it fails. */
  readonly must: (...argv: readonly string[]) => Promise<string>;
  /** A power cut: nobody is told. */
  readonly cut: () => Promise<void>;
};

const BOOT_MS_MAX = 120_000;

/** `bind`: path inside → folder of this machine. */
export async function boot(root: Root, bind: Readonly<Record<string, string>>): Promise<BootedRoot> {
  const binds = Object.entries(bind).map(([inside, outside]) => `--bind=${outside}:${inside}`);
  const machine = spawn(
    'systemd-nspawn',
    [
      '-q',
      '-b',
      '-D',
      root.folder,
      '--register=no',
      '--keep-unit',
      '--private-network',
      '--capability=all',
      // There is no clock of its own: it would set this machine's.
      '--drop-capability=CAP_SYS_TIME',
      ...CONTAINERS_NEED,
      ...binds,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' } },
  );
  let said = '';
  machine.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const init = await waitFor(`the system to boot: ${said}`, () => firstProcess(childOf(machine)), BOOT_MS_MAX);
  const run = (...argv: readonly string[]) =>
    tryRun('nsenter', ['-t', String(init), '-a', '--', 'env', '-i', `PATH=${PATH}`, 'HOME=/root', ...argv]);
  const isUp = async () => UP.includes((await run('systemctl', 'is-system-running')).stdout.trim());
  await waitFor('systemd to be up', isUp, BOOT_MS_MAX).catch(async (error: unknown) => {
    await cut(machine);
    throw error;
  });
  return {
    pid: init,
    run,
    must: async (...argv) => {
      const { code, stdout, stderr } = await run(...argv);
      if (code !== 0) throw new Error(`${argv.join(' ')}: exit code ${code}: ${stderr}${stdout}`);
      return stdout;
    },
    cut: () => cut(machine),
  };
}

/** Of its own namespace: the container's maker has another child before, which makes this one and ends. */
function firstProcess(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? pid : undefined;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Degraded: a container has not all that a Debian wants to start. */
const UP = ['running', 'degraded'];
/** An engine in it makes namespaces, mounts and control groups. */
const CONTAINERS_NEED = ['--system-call-filter=@keyring bpf'];
