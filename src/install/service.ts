import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, type Clock } from '#lib/clock.ts';
import { readFileIfThere, writeDurableFile } from '#lib/durable-file.ts';
import { explain } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { ServiceManager } from '#lib/service-manager.ts';
import { LAUNCH_SCRIPT } from './launch.ts';
import { healthFile, type Layout, type Mode } from './layout.ts';
import type { ServicePart } from './service-parts.ts';
import { currentVersion, type InstalledSlot } from './slots.ts';
import { databaseBytes, startMsMax } from './start-time.ts';
import { endTrial, readGoneBack, readTrial, type Need, type Trial } from './trial.ts';

/**
 * What a running server or agent owes to those who started it: to the service manager that it is ready and lives, and to the installation, if
 * its release is on trial, that it is healthy: then, and only then, the release stays. Nothing of it is there for a skerry that nobody
 * manages and that is in no slot.
 */
export type ServiceOptions = {
  readonly mode: Mode;
  readonly installed: InstalledSlot | undefined;
  readonly manager: ServiceManager | undefined;
  /** What the start has to read there may take long. */
  readonly dataDir: string;
  /** How many parts there will be: only when all of them are healthy is the service. */
  readonly partCount: number;
  readonly clock: Clock;
  readonly log: Log;
};

export type Service = {
  /** This release may yet be taken back. */
  readonly onTrial: boolean;
  /** `skerry install` made it: whoever is to start it otherwise says so to that. */
  readonly isInstalled: boolean;
  /** One that is up. With the last of them the start is over: from then on the watchdog counts, which no part that still reads a disk is to meet. */
  readonly add: (part: ServicePart) => void;
  /** The start is over but for the node's first join, which takes as long as the server stays away. */
  readonly waiting: () => void;
  /** What a part has is not what it was: written down at once, for whoever asks why there is no link. */
  readonly look: () => void;
  /** May be called more than once. */
  readonly stop: () => Promise<void>;
};

const CONFIRM_PERIOD_MS = 1_000;
/** How often is looked whether what the agent has has changed. */
const LOOK_MS_MAX = 10_000;
const WHY_LENGTH_MAX = 400;
const EXECUTABLE_MODE = 0o755;

export async function openService(options: ServiceOptions): Promise<Service> {
  const { mode, installed, manager, dataDir, partCount } = options;
  const log = options.log.child({ component: 'service' });
  const trial = trialOf(options, log);
  const stopping = new AbortController();
  const { signal } = stopping;
  const parts: ServicePart[] = [];
  let isWaiting = false;
  let wasReady = false;
  let told = '';
  const tellHealth = () => {
    if (installed === undefined || parts.length === 0 || signal.aborted) return;
    const has = parts.flatMap((part) => part.has()).join(',');
    const refused = parts.flatMap((part) => part.refused?.() ?? []).map((why) => `refused=${lineOf(why)}\n`);
    const text = `has=${has}\ndata=${dataDir}\n${refused[0] ?? ''}`;
    if (text !== told) writeHealth(installed.layout, mode, text, log);
    told = text;
  };
  if (manager !== undefined) {
    await manager.tell(`EXTEND_TIMEOUT_USEC=${startMsMax(databaseBytes(mode, dataDir)) * 1_000}`);
  }
  if (installed !== undefined && trial === undefined) tellHistory(installed, log);
  // Not waited for at the end: each of them looks at the signal before it does anything, and may hang for what has hung.
  void beat({ ...options, tellHealth }, parts, () => wasReady, log, signal);
  if (installed !== undefined && trial !== undefined)
    void prove({ ...options, installed, trial, log }, () => (parts.length < partCount && !isWaiting ? undefined : parts), signal);
  const readyIf = (isReady: boolean) => {
    if (wasReady || !isReady) return;
    wasReady = true;
    void manager?.tell('READY=1');
  };
  return {
    onTrial: trial !== undefined,
    isInstalled: installed !== undefined && options.manager !== undefined,
    add: (part) => {
      parts.push(part);
      readyIf(parts.length === partCount);
    },
    waiting: () => {
      isWaiting = true;
      readyIf(true);
    },
    look: tellHealth,
    stop: async () => {
      if (signal.aborted) return;
      stopping.abort();
      if (installed !== undefined) rmSync(healthFile(installed.layout, mode), { force: true });
      await manager?.tell('STOPPING=1');
    },
  };
}

const lineOf = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, WHY_LENGTH_MAX);

function trialOf({ mode, installed }: ServiceOptions, log: Log): Trial | undefined {
  const found = installed === undefined ? undefined : readTrial(installed.layout, mode);
  if (installed === undefined || found?.to !== installed.version) return undefined;
  log.warn(
    { release: found.to, before: found.back, start: found.starts, limitSeconds: found.limitSeconds },
    'this release is on trial: if it does not become healthy, the one before comes back',
  );
  return found;
}

async function beat(
  { manager, clock, tellHealth }: Pick<ServiceOptions, 'manager' | 'clock'> & { readonly tellHealth: () => void },
  parts: readonly ServicePart[],
  isReady: () => boolean,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const beatMs = manager?.watchdogMs === undefined ? undefined : manager.watchdogMs / 3;
  const periodMs = Math.min(LOOK_MS_MAX, beatMs ?? LOOK_MS_MAX);
  let beatenMs: number | undefined;
  while (!signal.aborted) {
    // One that hangs holds this up, and the watchdog does not hear of us any more: that is the proof it wants.
    const isAlive = await allAlive(parts, log);
    if (signal.aborted) return;
    // Each beat starts a program: no more of them than it takes.
    const isDue = (everyMs: number) => beatenMs === undefined || clock.monotonic() - beatenMs >= everyMs - periodMs / 2;
    // Not before it is ready: the first beat has the watchdog count, in the middle of a start too.
    if (isAlive && isReady() && beatMs !== undefined && isDue(beatMs)) {
      beatenMs = clock.monotonic();
      await manager?.tell('WATCHDOG=1');
    }
    tellHealth();
    await sleep(clock, periodMs, signal);
  }
}

/** Resolves only when every part has answered. */
async function allAlive(parts: readonly ServicePart[], log: Log): Promise<boolean> {
  try {
    for (const part of parts) await part.alive();
    return true;
  } catch (error) {
    log.error({ err: error }, 'a part of this service is dead');
    return false;
  }
}

/** Tries until the service is healthy, and then ends the trial; the deadline is kept by `launch`. */
async function prove(
  {
    mode,
    clock,
    installed,
    partCount,
    trial,
    log,
  }: ServiceOptions & { readonly installed: InstalledSlot; readonly trial: Trial },
  complete: () => readonly ServicePart[] | undefined,
  signal: AbortSignal,
): Promise<void> {
  let said: string | undefined;
  while (!signal.aborted) {
    const why = await trouble(complete(), partCount, trial.needs);
    if (signal.aborted) return;
    if (why === undefined) {
      try {
        endTrial(installed.layout, mode);
        log.info({ release: trial.to }, 'the release is healthy and stays');
        refreshLaunch(installed, log);
        return;
      } catch (error) {
        log.error({ err: error }, 'the release is healthy, but that could not be written down');
      }
    } else if (why !== said) log.info({ why }, 'the release on trial is not healthy yet');
    said = why;
    await sleep(clock, CONFIRM_PERIOD_MS, signal);
  }
}

async function trouble(
  parts: readonly ServicePart[] | undefined,
  partCount: number,
  needs: readonly Need[],
): Promise<string | undefined> {
  if (parts === undefined) return 'it is starting';
  // One that had a link has joined long ago.
  if (parts.length < partCount && needs.includes('link')) return 'its agent waits for its first join, and had joined before';
  for (const part of parts) {
    try {
      await part.alive();
      const why = await part.unhealthy(needs);
      if (why !== undefined) return why;
    } catch (error) {
      return explain(error);
    }
  }
  return undefined;
}

function tellHistory(installed: InstalledSlot, log: Log): void {
  const gone = readGoneBack(installed.layout);
  if (gone !== undefined && gone.back === installed.version)
    log.warn({ release: gone.to, why: gone.why }, 'an upgrade was taken back: this is the release before');
  // Only the release that is started by it: another that somebody runs from its slot is not asked.
  if (currentVersion(installed.layout) === installed.version) refreshLaunch(installed, log);
}

/** Each release that stays brings its own `launch`: never one on trial, which could be what is wrong. */
function refreshLaunch({ layout }: InstalledSlot, log: Log): void {
  try {
    if (readFileIfThere(layout.launch) === LAUNCH_SCRIPT) return;
    writeDurableFile(layout.launch, LAUNCH_SCRIPT, EXECUTABLE_MODE);
    log.info({ file: layout.launch }, 'launch is now the one of this release');
  } catch (error) {
    log.warn({ err: error }, 'launch could not be renewed; the one that is there goes on');
  }
}

/** In memory, for an upgrade to know what the release before had, for whoever uninstalls it where its data is, and for the doctor why it has no link. */
function writeHealth(layout: Layout, mode: Mode, text: string, log: Log): void {
  const file = healthFile(layout, mode);
  try {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o755 });
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  } catch (error) {
    log.debug({ err: error, file }, 'what the service has could not be written down');
  }
}
