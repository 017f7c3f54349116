import { closeSync, existsSync, openSync, readSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere } from '#lib/durable-file.ts';
import { broughtPackages } from './brought-packages.ts';
import { halfInstalled } from './dpkg.ts';
import { architectureOf } from './elf.ts';
import { observeEngine, type EngineTools } from './observe-engine.ts';
import type { Layout, Mode } from './layout.ts';
import { readMemory } from './memory.ts';
import { APPARMOR, ENGINE, MANAGERS, NETWORK_TOOLS, type Requirement } from './packages.ts';
import { linksOf, type Seen } from './plan.ts';
import type { RunProgram } from './run-program.ts';
import { currentVersion, slotExecutable } from './slots.ts';
import { unitFile, unitName } from './units.ts';

/** Looks at a machine, or at the folder of one that does not run, and tells what of an installation is there. Changes nothing. */
export type Request = {
  /** `/`, or the folder of a system that does not run. */
  readonly root: string;
  readonly layout: Layout;
  readonly version: string;
  readonly executable: string;
  /** As the system itself sees it. */
  readonly dataDir: string;
  readonly tokenPath: string;
  /** A server without an agent needs neither the tools nor an engine. */
  readonly runsPods: boolean;
  readonly installEngine: boolean;
  /** A folder that all is to come from. */
  readonly offline: string | undefined;
};

export async function observe(request: Request, tools: EngineTools, signal: AbortSignal): Promise<Seen> {
  const { run } = tools;
  const { root, layout, version, executable, runsPods } = request;
  const supervisor = root !== '/' ? 'image' : existsSync('/run/systemd/system') ? 'systemd' : 'none';
  const up = async (mode: Mode) => supervisor === 'systemd' && (await isRunning(mode, run, signal));
  const packages = await observePackages(request, run, signal);
  return {
    layout,
    supervisor,
    slot: slotHolds(slotExecutable(layout, version), executable),
    current: currentVersion(layout),
    config: readFileIfThere(layout.config),
    launch: readFileIfThere(layout.launch),
    units: { server: readFileIfThere(unitFile(layout, 'server')), agent: readFileIfThere(unitFile(layout, 'agent')) },
    links: Object.fromEntries(linksOf(layout).map((path) => [path, linkTarget(path)])),
    running: { server: await up('server'), agent: await up('agent') },
    joined: isJoined(root, request.dataDir),
    token: readFileIfThere(join(root, request.tokenPath)),
    memory: readMemory(layout),
    runsPods,
    packages,
    engine: await observeEngine(
      root,
      {
        there: isProgramIn(root, ENGINE.program),
        asked: request.installEngine,
        coming: packages.missing.includes(ENGINE) && packages.manager !== undefined,
        ours: runsPods,
      },
      tools,
      signal,
    ),
  };
}

/** Whether this machine is a node already: it needs no token then. */
export function isJoined(root: string, dataDir: string): boolean {
  return existsSync(identityFile(root, dataDir));
}

/** The agent's: what it pinned when it joined. */
export const identityFile = (root: string, dataDir: string): string => join(root, dataDir, 'agent/identity.json');

async function observePackages(request: Request, run: RunProgram, signal: AbortSignal): Promise<Seen['packages']> {
  const { root, executable, offline } = request;
  const manager = root === '/' ? MANAGERS.find((name) => isProgramIn(root, name)) : undefined;
  const wanted = requirementsOf(request);
  const halfway =
    manager === 'apt-get'
      ? await halfInstalled(
          wanted.map(({ packages }) => packages[manager]),
          run,
          signal,
        )
      : [];
  const missing = wanted.filter(
    ({ program, packages }) => !isProgramIn(root, program) || (manager !== undefined && halfway.includes(packages[manager])),
  );
  if (offline === undefined || manager === undefined || missing.length === 0) return { missing, manager, brought: [] };
  const architecture = architectureOf(executable);
  const brought = architecture === undefined ? [] : broughtPackages(offline, manager, architecture);
  // All is to come from there: what is not is asked of nobody else.
  return { missing, manager: brought.length > 0 ? manager : undefined, brought };
}

function requirementsOf({ root, runsPods, installEngine }: Request): readonly Requirement[] {
  const appArmor = root === '/' && existsSync('/sys/kernel/security/apparmor');
  return [...(runsPods ? NETWORK_TOOLS : []), ...(installEngine ? [ENGINE, ...(appArmor ? [APPARMOR] : [])] : [])];
}

const PROGRAM_FOLDERS = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];

export function isProgramIn(root: string, name: string): boolean {
  return PROGRAM_FOLDERS.some((folder) => existsSync(join(root, folder, name)));
}

/** Also while it is starting, or waits for its next start. */
export async function isRunning(mode: Mode, run: RunProgram, signal: AbortSignal): Promise<boolean> {
  const ran = await run(['systemctl', 'show', '-p', 'ActiveState', '--value', unitName(mode)], SYSTEMCTL_MS_MAX, signal);
  return ran.type === 'ended' && UP.includes(ran.stdout.trim());
}

const UP = ['active', 'activating', 'reloading', 'deactivating'];

export const SYSTEMCTL_MS_MAX = 30_000;

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // None, or no link.
    return undefined;
  }
}

function slotHolds(slot: string, executable: string): Seen['slot'] {
  if (!existsSync(slot)) return 'nothing';
  const [there, ours] = [statSync(slot), statSync(executable)];
  if (there.dev === ours.dev && there.ino === ours.ino) return 'this';
  return there.size === ours.size && sameBytes(slot, executable) ? 'this' : 'another';
}

const CHUNK_BYTES = 4 * 1024 ** 2;

function sameBytes(one: string, other: string): boolean {
  const [a, b] = [openSync(one, 'r'), openSync(other, 'r')];
  try {
    const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
    for (;;) {
      const [readLeft, readRight] = [readSync(a, left), readSync(b, right)];
      if (readLeft !== readRight || left.compare(right, 0, readRight, 0, readLeft) !== 0) return false;
      if (readLeft === 0) return true;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
