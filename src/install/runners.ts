import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '#lib/clock.ts';
import { makePrivateFolder, syncFolder, writeDurableFile } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import { performSteps } from './file-steps.ts';
import type { Layout, Mode } from './layout.ts';
import { installPackages } from './install-packages.ts';
import { lastWords } from './last-words.ts';
import { memoryFile, memoryText } from './memory.ts';
import { SYSTEMCTL_MS_MAX } from './observe.ts';
import { failureOf, type Ran, type RunProgram } from './run-program.ts';
import { putSlot, setCurrent } from './slots.ts';
import { tellStep, type Runners, type Step } from './step.ts';
import { unitName } from './units.ts';

/** Does what was planned: one small, repeatable act a step. Each throws with what it tried and what is to be done about it. */
/** A board may need a minute for its first start; what takes longer goes on without anybody waiting. */
const READY_MS_MAX = 120_000;
const FOLDER_MODE = 0o755;
const SETTINGS_MODE = 0o644;

export type RunnerTools = {
  readonly layout: Layout;
  readonly run: RunProgram;
  readonly clock: Clock;
  /** Has a running engine take live-restore over from this file; tells in a sentence why it did not. */
  readonly rereadEngine: (file: string) => Promise<string | undefined>;
  readonly startEngine: () => Promise<void>;
  /** What went otherwise than it should and stops nothing, for people. */
  readonly note: (text: string) => void;
  /** What a step is doing, for people who wait. */
  readonly tell: (text: string) => void;
};

export function createRunners(
  { layout, run, clock, rereadEngine, startEngine, note, tell }: RunnerTools,
  signal: AbortSignal,
): Runners<Promise<void>> {
  const systemctl = async (what: string, ...args: readonly string[]) => {
    const why = failureOf(await run(['systemctl', ...args], SYSTEMCTL_MS_MAX, signal));
    if (why !== undefined) throw new SkerryError('SystemdFailed', `${what}: systemctl ${args.join(' ')}: ${why}`);
  };
  return {
    remember: async ({ memory }) => writeText(memoryFile(layout), memoryText(memory), SETTINGS_MODE),
    'engine-settings': async ({ file, text }) => writeText(file, text, modeOf(file)),
    'engine-reread': async ({ file }) => {
      const trouble = await rereadEngine(file);
      if (trouble !== undefined) note(trouble);
    },
    'engine-start': startEngine,
    'engine-settings-back': async ({ file, text }) => {
      if (text === undefined) remove(file);
      else writeDurableFile(file, text, modeOf(file));
    },
    packages: (fetching) => installPackages(fetching, run, tell, signal),
    slot: async ({ version, executable, how }) => {
      makeFolder(dirname(layout.lib));
      putSlot(layout, executable, version, how);
    },
    current: async ({ version }) => setCurrent(layout, version),
    link: async ({ path, target }) => {
      makeFolder(dirname(path));
      const beside = `${path}.new`;
      performSteps([
        { do: 'symlink', target, path: beside },
        { do: 'rename', from: beside, to: path },
        { do: 'sync-folder', path: dirname(path) },
      ]);
    },
    write: async ({ path, text, mode, secret }) => {
      if (secret && !existsSync(dirname(path))) makePrivateFolder(dirname(path));
      writeText(path, text, mode);
    },
    remove: async ({ path }) => remove(path),
    'reload-units': () => systemctl('have systemd read the units', 'daemon-reload'),
    stop: ({ mode }) => systemctl(`stop ${unitName(mode)}`, 'stop', unitName(mode)),
    start: async ({ mode, again }) => {
      const sinceMs = clock.now();
      const started = await run(['systemctl', again ? 'restart' : 'start', unitName(mode)], READY_MS_MAX, signal);
      await checkReady(mode, started, { sinceMs, run, clock }, signal);
    },
  };
}

/** In their order; what fails keeps all after it from being done. `tell`: what is about to be done, for people who wait. */
export async function runSteps(
  steps: readonly Step[],
  runners: Runners<Promise<void>>,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const step of steps) {
    signal.throwIfAborted();
    tell(tellStep(step));
    // Sound: the runner under a step's own word takes that step.
    await (runners[step.do] as (given: Step) => Promise<void>)(step);
  }
}

/** systemctl comes back when the service has said that it is ready, or has ended. */
async function checkReady(
  mode: Mode,
  started: Ran,
  { sinceMs, run, clock }: Pick<RunnerTools, 'run' | 'clock'> & { readonly sinceMs: number },
  signal: AbortSignal,
): Promise<void> {
  const why = failureOf(started);
  if (why === undefined || signal.aborted) return;
  const unit = unitName(mode);
  const said = await lastWords(unit, sinceMs, { run, clock }, signal);
  const late = started.type === 'stopped';
  throw new SkerryError(
    late ? 'Timeout' : 'NotReady',
    late
      ? `start ${unit}: it is running, but not ready after ${READY_MS_MAX / 1000} s, and goes on trying (journalctl -f -u ${unit})${said}`
      : // systemctl only says where to look for what is said here.
        `start ${unit}: ${said === '' ? why : `it failed${said}`}`,
  );
}

const modeOf = (file: string): number => (existsSync(file) ? statSync(file).mode & 0o777 : SETTINGS_MODE);

function remove(path: string): void {
  if (!existsSync(dirname(path))) return;
  performSteps([
    { do: 'remove', path },
    { do: 'sync-folder', path: dirname(path) },
  ]);
}

function writeText(path: string, text: string, mode: number): void {
  makeFolder(dirname(path));
  writeDurableFile(path, text, mode);
}

/** One that programs and people other than root look into. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, FOLDER_MODE);
  syncFolder(dirname(folder));
}
