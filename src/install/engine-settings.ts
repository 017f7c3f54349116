/**
 * The one setting that we ask of a Docker engine: live-restore, so that containers live on while it is restarted. Merged into its daemon.json,
 * never against its owner's will; what was added is remembered, to be taken back. Pure: texts in, decisions out. Log bounds are no setting of
 * ours: each container brings its own.
 */
const LIVE_RESTORE = 'live-restore';

export type EngineFacts = {
  /** Of daemon.json; undefined if there is none. */
  readonly text: string | undefined;
  /** How the daemon is or will be started: command lines, and the variables that go into them. */
  readonly commandLines: readonly string[];
  readonly swarm: boolean;
};

export type EngineDecision =
  | { readonly type: 'keep' }
  /** `made`: there is no such file yet. */
  | { readonly type: 'write'; readonly text: string; readonly added: readonly string[]; readonly made: boolean }
  | { readonly type: 'refuse'; readonly reason: string };

export function withLiveRestore({ text, commandLines, swarm }: EngineFacts): EngineDecision {
  const settings = parseSettings(text);
  if (settings === undefined)
    return { type: 'refuse', reason: 'daemon.json is no JSON object, and the engine would not start with it' };
  const set = settings[LIVE_RESTORE];
  if (set === true) return { type: 'keep' };
  if (set !== undefined)
    return { type: 'refuse', reason: `daemon.json says "${LIVE_RESTORE}": ${JSON.stringify(set)}, which is somebody's decision` };
  const flag = commandLines.some((line) => /(^|\s|["'=\0])--?live-restore\b/.test(line));
  if (flag)
    return {
      type: 'refuse',
      reason: 'a flag of dockerd sets it, and one that is in daemon.json too keeps the engine from starting',
    };
  if (swarm) return { type: 'refuse', reason: 'this engine is part of a swarm, and would not start again with it' };
  return {
    type: 'write',
    text: write({ ...settings, [LIVE_RESTORE]: true }, text),
    added: [LIVE_RESTORE],
    made: text === undefined,
  };
}

/** What daemon.json is to hold once our keys are out of it: `remove` where nothing else is in it and it was ours. */
export type TakenBack =
  | { readonly type: 'keep' }
  | { readonly type: 'write'; readonly text: string }
  | { readonly type: 'remove' };

export function withoutOurKeys(text: string | undefined, added: readonly string[], madeByUs: boolean): TakenBack {
  const settings = parseSettings(text);
  if (settings === undefined || text === undefined) return { type: 'keep' };
  // Changed since by somebody: theirs.
  const ours = added.filter((key) => settings[key] === true);
  if (ours.length === 0) return { type: 'keep' };
  const left = Object.fromEntries(Object.entries(settings).filter(([key]) => !ours.includes(key)));
  return madeByUs && Object.keys(left).length === 0 ? { type: 'remove' } : { type: 'write', text: write(left, text) };
}

/** Where dockerd reads its settings, as its command lines say. */
export function settingsFileOf(commandLines: readonly string[]): string {
  const found = commandLines.map((line) => /--?config-file[=\s\0]+["']?([^\s"'\0;]+)/.exec(line)?.[1]);
  return found.find((file) => file !== undefined) ?? '/etc/docker/daemon.json';
}

/** Where it keeps its state, and so what it knows of a swarm: all that its command lines name, or what its settings do (never both: it would not start). */
export function dataRootsOf(text: string | undefined, commandLines: readonly string[]): readonly string[] {
  const flags = commandLines.flatMap((line) => [...line.matchAll(DATA_ROOT)].flatMap(([, folder]) => folder ?? []));
  if (flags.length > 0) return flags;
  const settings = parseSettings(text);
  const root = settings?.['data-root'] ?? settings?.['graph'];
  return [typeof root === 'string' ? root : '/var/lib/docker'];
}

/** `--graph` and `-g` are its older names. */
const DATA_ROOT = /(?:^|[\s"'=\0])(?:--?data-root|--?graph|-g)[=\s\0]+["']?([^\s"'\0;]+)/g;

/** What an engine that runs answers at /info; one that waits for its other managers is part of its swarm, too. */
export function isInSwarm(info: unknown): boolean {
  // Sound: any field of an object may be read.
  const state = (info as { readonly Swarm?: { readonly LocalNodeState?: unknown } } | null | undefined)?.Swarm?.LocalNodeState;
  return typeof state === 'string' && state !== '' && state !== 'inactive';
}

/** Undefined for what is no JSON object. An empty file is one: dockerd takes it so. */
function parseSettings(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined || text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Told by the caller, who knows what for.
    return undefined;
  }
  // Sound: any JSON object is one.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** With the indentation that it had. */
function write(settings: Readonly<Record<string, unknown>>, before: string | undefined): string {
  const indent = /^\{\n([ \t]+)"/.exec(before ?? '')?.[1] ?? '  ';
  return `${JSON.stringify(settings, null, indent)}\n`;
}
