import type { EngineDecision } from './engine-settings.ts';
import { MODES, type Layout, type Mode } from './layout.ts';
import { memoryText, type Memory } from './memory.ts';
import { fetching, type Manager, type Requirement } from './packages.ts';
import type { Step } from './step.ts';
import { enablement, otherMode, unitFile } from './units.ts';

/**
 * What is to be done so that a machine has this release installed in this mode: from what is wanted and what is there to steps. Pure. Where all is
 * there already it plans nothing; what was half done is planned again. Packages are first, since they are what fails most, and starting and
 * stopping last: what fails before leaves running what runs. Where something that runs is to take up what was written, it is remembered before
 * that this is under way, and after that it is done: whatever ends a run in between, the next one has it taken up.
 */
export type Wanted = {
  readonly mode: Mode;
  readonly version: string;
  /** `move`: it lies in the download's folder, on the file system of the slots, and nobody needs it there. */
  readonly executable: { readonly path: string; readonly how: 'copy' | 'move' };
  readonly launch: string;
  readonly config: string;
  readonly units: Readonly<Record<Mode, string>>;
  /** `path`: where the agent finds it, until it has joined. */
  readonly token: { readonly path: string; readonly text: string; readonly hash: string } | undefined;
  readonly start: boolean;
};

export type Seen = {
  readonly layout: Layout;
  /** `image`: a system that does not run. */
  readonly supervisor: 'systemd' | 'none' | 'image';
  /** What the slot of this version holds. */
  readonly slot: 'this' | 'another' | 'nothing';
  readonly current: string | undefined;
  readonly config: string | undefined;
  readonly launch: string | undefined;
  readonly units: Readonly<Record<Mode, string | undefined>>;
  /** Targets of links, by their path. */
  readonly links: Readonly<Record<string, string | undefined>>;
  readonly running: Readonly<Record<Mode, boolean>>;
  readonly joined: boolean;
  readonly token: string | undefined;
  readonly memory: Memory;
  readonly runsPods: boolean;
  readonly packages: {
    readonly missing: readonly Requirement[];
    readonly manager: Manager | undefined;
    readonly brought: readonly string[];
  };
  readonly engine: {
    /** Of its settings, as the system itself sees it; `file`: where that is from here. */
    readonly path: string;
    readonly file: string;
    readonly text: string | undefined;
    readonly there: boolean;
    readonly decision: EngineDecision;
    /** It was asked for, and does not answer (yet). */
    readonly isAwaited: boolean;
    /** It does, or will once it is installed. */
    readonly mayRun: boolean;
  };
};

const PUBLIC = 0o644;
const PRIVATE = 0o600;
const PROGRAM = 0o755;

export function planInstall(wanted: Wanted, seen: Seen): readonly Step[] {
  const engine = engineSteps(seen);
  const program = programSteps(wanted, seen);
  const settings = unlessSame(seen.layout.config, wanted.config, seen.config, PRIVATE);
  const token = newToken(wanted, seen);
  const tokenFile = token === undefined ? [] : unlessSame(token.path, token.text, seen.token, PRIVATE);
  const units = seen.supervisor === 'none' ? [] : unitSteps(wanted, seen);
  const changed = [program, settings, tokenFile, units].some((steps) => steps.length > 0);
  const service = seen.supervisor === 'systemd' ? serviceSteps(wanted, seen, changed) : [];

  const { unfinished: _, ...engineKnown } = memoryWithEngine(seen);
  const done = token === undefined ? engineKnown : { ...engineKnown, tokenHash: token.hash };
  const isTakenUp = [...engine, ...units, ...service].some((step) => TAKES_UP.includes(step.do));
  const marked = (memory: Memory): Memory => (isTakenUp ? { ...memory, unfinished: true } : memory);
  return [
    ...packageSteps(seen),
    // Before anything of it is done: of a key that is added and then forgotten nobody would know whose it is.
    ...remember(marked(engineKnown), seen.memory),
    ...engine,
    ...program,
    ...settings,
    ...tokenFile,
    // After the token is there, and before an agent has joined with it.
    ...remember(marked(done), marked(engineKnown)),
    ...units,
    ...service,
    ...remember(done, marked(done)),
    // Last, and when nothing else is left: what keeps an engine from starting is its owner's to mend, and all else works then.
    ...startEngine(seen),
  ];
}

/** What has something that runs take up what was written. */
const TAKES_UP: readonly Step['do'][] = ['engine-reread', 'reload-units', 'stop', 'start'];

function engineSteps({ memory, engine: { decision, file, path, mayRun } }: Seen): readonly Step[] {
  const reread: readonly Step[] = mayRun ? [{ do: 'engine-reread', file }] : [];
  switch (decision.type) {
    case 'write':
      return [{ do: 'engine-settings', file, text: decision.text }, ...reread];
    case 'keep':
      return memory.unfinished === true && memory.engine?.file === path ? reread : [];
    case 'refuse':
      return [];
  }
}

function startEngine({ supervisor, engine: { isAwaited } }: Seen): readonly Step[] {
  return supervisor === 'systemd' && isAwaited ? [{ do: 'engine-start' }] : [];
}

function memoryWithEngine({ memory, engine: { decision, path } }: Seen): Memory {
  if (decision.type !== 'write') return memory;
  // Made by us in an earlier run, and emptied by somebody since: still ours.
  const made = decision.made || (memory.engine?.file === path && memory.engine.made);
  return { ...memory, engine: { file: path, added: decision.added, made } };
}

function remember(memory: Memory, before: Memory): readonly Step[] {
  return memoryText(memory) === memoryText(before) ? [] : [{ do: 'remember', memory }];
}

function packageSteps({ packages: { missing, manager, brought } }: Seen): readonly Step[] {
  if (missing.length === 0 || manager === undefined) return [];
  return [{ do: 'packages', ...fetching(manager, missing, brought) }];
}

function programSteps({ version, executable, launch }: Wanted, { layout, slot, current, links, ...seen }: Seen): readonly Step[] {
  return [
    ...(slot === 'this' ? [] : [{ do: 'slot', version, executable: executable.path, how: executable.how } as const]),
    ...unlessSame(layout.launch, launch, seen.launch, PROGRAM),
    ...(current === version ? [] : [{ do: 'current', version } as const]),
    ...unlessLinked(layout.command, COMMAND_TARGET, links),
  ];
}

/** From usr/local/bin, so that it also holds in a system under another root. */
export const COMMAND_TARGET = '../lib/skerry/current/skerry';

/** What it joined with is not needed again. Another one is for a node that was removed, and is to come back. */
function newToken({ token }: Wanted, { joined, memory }: Seen): Wanted['token'] {
  return joined && memory.tokenHash === token?.hash ? undefined : token;
}

function unitSteps({ mode, units }: Wanted, { layout, supervisor, links, memory, ...seen }: Seen): readonly Step[] {
  const other = enablement(layout, otherMode(mode));
  const on = enablement(layout, mode);
  const files = unlessSame(unitFile(layout, mode), units[mode], seen.units[mode], PUBLIC);
  const switched: readonly Step[] = [
    ...(links[other.path] === undefined ? [] : [{ do: 'remove', path: other.path } as const]),
    ...(seen.units[otherMode(mode)] === undefined ? [] : [{ do: 'remove', path: unitFile(layout, otherMode(mode)) } as const]),
    ...unlessLinked(on.path, on.target, links),
  ];
  const steps = [...files, ...switched];
  // Also after a run that did not come so far: and then the service is restarted too.
  const isReload = supervisor === 'systemd' && (steps.length > 0 || memory.unfinished === true);
  return isReload ? [...steps, { do: 'reload-units' }] : steps;
}

function serviceSteps({ mode, start }: Wanted, { running }: Seen, changed: boolean): readonly Step[] {
  const other = otherMode(mode);
  const stop: readonly Step[] = running[other] ? [{ do: 'stop', mode: other }] : [];
  if (!start || (running[mode] && !changed)) return stop;
  return [...stop, { do: 'start', mode, again: running[mode] }];
}

/** What is not done, and why, for people: as it is seen once the steps are done. */
export function notesOf(
  mode: Mode,
  { supervisor, units, runsPods, packages: { missing, manager }, engine }: Seen,
): readonly string[] {
  const wanting = missing.map(({ program, purpose }) => `${program} (${purpose})`).join(', ');
  const where = supervisor === 'image' ? 'this system has no' : 'this machine has no';
  const other = otherMode(mode);
  return [
    ...(units[other] === undefined ? [] : [`skerry-${other} was installed here: skerry-${mode} takes its place`]),
    ...(missing.length > 0 && manager === undefined
      ? [`${where} ${wanting}, and it can not be installed from here: install it before this node is to run pods`]
      : []),
    ...(engine.there || !runsPods
      ? []
      : [`${where} Docker engine: it runs pods as soon as there is one${ENGINE_ADVICE[supervisor]}`]),
    ...(engine.there && engine.decision.type === 'refuse'
      ? [
          `live-restore is not switched on in ${engine.file}: ${engine.decision.reason}. A restart of the engine will restart all containers`,
        ]
      : []),
  ];
}

const ENGINE_ADVICE: Readonly<Record<Seen['supervisor'], string>> = {
  systemd: " (--install-engine installs the distribution's)",
  none: " (--install-engine installs the distribution's)",
  image: '',
};

function unlessSame(path: string, text: string, there: string | undefined, mode: number): readonly Step[] {
  return text === there ? [] : [{ do: 'write', path, text, mode, secret: mode === PRIVATE }];
}

function unlessLinked(path: string, target: string, links: Readonly<Record<string, string | undefined>>): readonly Step[] {
  return links[path] === target ? [] : [{ do: 'link', path, target }];
}

/** Every link that a plan may make or remove. */
export function linksOf(layout: Layout): readonly string[] {
  return [layout.command, ...MODES.map((mode) => enablement(layout, mode).path)];
}
