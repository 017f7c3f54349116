import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readFileIfThere } from '#lib/durable-file.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { MODES, layoutIn, type Layout, type Mode } from './layout.ts';
import { readMemory, type Memory } from './memory.ts';
import { isProgramIn, isRunning } from './observe.ts';
import { throughLinks } from './observe-engine.ts';
import { ENGINE } from './packages.ts';
import type { RunProgram } from './run-program.ts';
import { createRunners, runSteps } from './runners.ts';
import type { Step } from './step.ts';
import { dataPaths, pathsOf, planAfter, planBefore, type Leftovers } from './uninstall-plan.ts';
import { readDataDir } from './trial.ts';
import { unitName } from './units.ts';
import { lockInstallation } from './upgrade/lock.ts';

/**
 * `skerry uninstall`: stops, has the node cleared, removes. Whatever stops it half-way, it can be run again. Packages that were installed for it stay: others
 * may have come to use them.
 */
export type UninstallRequest = {
  readonly dataDir: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  readonly purge: boolean;
  /** Goes on where something of the node could not be removed. */
  readonly force: boolean;
};

/** What was taken away, and what could not be: words for people. */
export type Cleared = {
  readonly removed: readonly string[];
  readonly left: readonly { readonly what: string; readonly why: string }[];
};

export type Uninstalled = {
  readonly changed: boolean;
  readonly cleared: Cleared;
  /** The node that this machine was to a server elsewhere, which still knows it. */
  readonly left: string | undefined;
};

export type UninstallTools = {
  /** Takes away what the agent made on this machine. */
  readonly clearNode: () => Promise<Cleared & { readonly node: string | undefined }>;
  /** Throws InUse where a server runs on the data; none can before it is released. */
  readonly holdServer: () => Promise<{ readonly release: () => void }>;
  readonly run: RunProgram;
  readonly clock: Clock;
  /** What is being done, for people who wait. */
  readonly tell: (text: string) => void;
};

/** Throws Forbidden (not root), InUse, Incomplete, and what its steps throw. */
export async function uninstall(request: UninstallRequest, tools: UninstallTools, signal: AbortSignal): Promise<Uninstalled> {
  if (process.getuid?.() !== 0) throw new SkerryError('Forbidden', 'uninstall skerry: it needs root (sudo skerry uninstall …)');
  const layout = layoutIn('/');
  const { run, clock, tell, holdServer } = tools;
  const lock = await lockInstallation(layout);
  try {
    const leftovers = await look(layout, request, run, signal);
    refuseOtherData(leftovers);
    const engine = { rereadEngine: async () => undefined, startEngine: async () => undefined };
    const runners = createRunners({ layout, run, clock, ...engine, note: tell, tell }, signal);
    const act = (steps: readonly Step[]) => runSteps(steps, runners, tell, signal);
    // One that is no unit's was started by somebody, who has to end it: before anything else is stopped.
    const early = leftovers.running.server ? undefined : await holdServer();
    const before = planBefore(leftovers);
    await act(before);
    const server = early ?? (await holdServer());
    try {
      const done = await uninstallStopped(leftovers, request, tools, act);
      return { ...done, changed: done.changed || before.length > 0 };
    } finally {
      server.release();
    }
  } finally {
    lock.release();
  }
}

/** Whoever gives a service a folder by a file beside its unit has given it to nobody else: what would be cleared and purged is another one's. */
function refuseOtherData({ layout, running, dataDir }: Leftovers): void {
  for (const mode of MODES.filter((each) => running[each])) {
    const kept = readDataDir(layout, mode);
    if (kept === undefined || resolve(kept) === resolve(dataDir)) continue;
    throw new SkerryError(
      'Usage',
      `uninstall: ${unitName(mode)} keeps its data in ${kept}, and not in ${dataDir}: say --data-dir ${kept}`,
    );
  }
}

async function uninstallStopped(
  leftovers: Leftovers,
  { dataDir, docker, purge, force }: UninstallRequest,
  { clearNode }: Pick<UninstallTools, 'clearNode'>,
  act: (steps: readonly Step[]) => Promise<void>,
): Promise<Uninstalled> {
  // Data that was lost has left its containers behind; a machine with neither has nothing to be cleared of.
  const [wasNode, hasEngine] = [existsSync(join(dataDir, 'agent')), mayHoldContainers(docker)];
  // Of a server's own node nobody else knows.
  const isServer = existsSync(join(dataDir, 'server'));
  const { node, ...cleared } = wasNode || hasEngine ? await clearNode() : NOTHING;
  if (cleared.left.length > 0 && wasNode && hasEngine && !force) {
    const left = cleared.left.map(({ what, why }) => `\n  ${what}: ${why}`).join('');
    throw new SkerryError(
      'Incomplete',
      `uninstall: something of this node could not be removed, so the program stays:${left}\nMend that and run this again, or use --force`,
    );
  }
  if (purge) refuseMounts(dataDir);
  const after = planAfter(leftovers);
  await act(after);
  if (purge) removeIfEmpty(dataDir);
  return { changed: after.length + cleared.removed.length > 0, cleared, left: isServer ? undefined : node };
}

/** Where there is no engine there is no container, though nobody could be asked. */
const mayHoldContainers = (docker: string): boolean => existsSync(docker) || isProgramIn('/', ENGINE.program);

const NOTHING: Cleared & { readonly node: undefined } = { node: undefined, removed: [], left: [] };

async function look(
  layout: Layout,
  { dataDir, purge }: Pick<UninstallRequest, 'dataDir' | 'purge'>,
  run: RunProgram,
  signal: AbortSignal,
): Promise<Leftovers> {
  const systemd = existsSync('/run/systemd/system');
  const up = async (mode: Mode) => systemd && (await isRunning(mode, run, signal));
  const { engine, ...others } = readMemory(layout);
  const memory: Memory =
    engine === undefined ? others : { ...others, engine: { ...engine, file: throughLinks(engine.file, '/') } };
  return {
    layout,
    systemd,
    running: { server: await up('server'), agent: await up('agent') },
    there: pathsOf(layout, dataDir).filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined),
    command: commandTarget(layout),
    memory,
    engineText: memory.engine === undefined ? undefined : readFileIfThere(memory.engine.file),
    dataDir,
    purge,
  };
}

function commandTarget(layout: Layout): string | undefined {
  try {
    return readlinkSync(layout.command);
  } catch {
    // None, or no link of ours.
    return undefined;
  }
}

/** What is mounted below would be deleted with it, and may be anybody's. */
function refuseMounts(dataDir: string): void {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  const below = points.filter((point) => dataPaths(dataDir).some((path) => point === path || point.startsWith(`${path}/`)));
  if (below.length === 0) return;
  throw new SkerryError(
    'Incomplete',
    `remove the data in ${dataDir}: something is mounted there (${below.slice(0, 3).join(', ')}), and would be deleted with it; unmount it and run this again`,
  );
}

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
