import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

/**
 * Commands as the lab runs them: argv only, never through a shell, with what they printed in the error when they fail. Each is in a
 * process group of its own: a Ctrl-C is for the one who runs the lab, and takes nothing of it down before that one cleans up.
 */

export type Output = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Ends it (SIGTERM), and rejects. */
  readonly signal?: AbortSignal;
};

/** Runs to the end; rejects with the command and its stderr if it exits non-zero. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}: ${(stderr || stdout).trim()}`);
  return stdout;
}

/** Runs to the end, whatever its exit code; rejects only if it can not be started, or is no longer wanted. */
export function tryRun(command: string, args: readonly string[], { input, env, cwd, signal }: RunOptions = {}): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(signal === undefined ? {} : { signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code: code ?? 128, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
    // A command that ends before it has read its input is judged by its exit code, not by the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Starts a process that goes on; the caller ends it with `end`. */
export function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(command, args, { ...options, detached: true });
}

/** Sends `signal` and waits until the process is gone; after `graceMs` it is killed. `pid`: of the process meant, where `child` only waits for it. */
export function end(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
  { graceMs = 10_000, pid = child.pid ?? 0 }: { readonly graceMs?: number; readonly pid?: number } = {},
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const killer = setTimeout(() => process.kill(pid, 'SIGKILL'), graceMs);
    child.once('exit', () => {
      clearTimeout(killer);
      resolve();
    });
    process.kill(pid, signal);
  });
}

/** Asks again every `everyMs` until the answer is not undefined; rejects after `deadlineMs` with what was waited for and the last error. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  deadlineMs = 30_000,
  everyMs = 50,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
