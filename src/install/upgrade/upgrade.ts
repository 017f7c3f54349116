import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Progress } from '#net/download.ts';
import { performSteps } from '../file-steps.ts';
import { MODES, type Layout, type Mode } from '../layout.ts';
import {
  SIGNATURE_FILE,
  SUMS_FILE,
  chooseFile,
  parseSums,
  type Architecture,
  type SummedFile,
} from '../release/release-files.ts';
import type { ReleaseSource } from '../release/release-source.ts';
import { verifySums } from '../release/signature.ts';
import type { RunProgram } from '../run-program.ts';
import { canRun, currentVersion, removeSlotsBut } from '../slots.ts';
import { switchSteps } from '../switch.ts';
import { databaseBytes, trialSecondsMax } from '../start-time.ts';
import { readGoneBack, readHealth, readTrial, type Need } from '../trial.ts';
import { decideUpgrade } from './decide.ts';
import { lockInstallation } from './lock.ts';
import { waitForOutcome } from './outcome.ts';
import type { Restart, Services } from './services.ts';
import { takeRelease } from './take.ts';

/**
 * `skerry upgrade`: looks, verifies, takes, switches, waits. Up to the switch nothing that runs is touched; after it the machine has a release on
 * trial, whose end is decided by the release itself and by `launch`, whether or not this goes on. Containers are nobody's business here.
 */
export type UpgradeOptions = {
  readonly layout: Layout;
  readonly source: ReleaseSource;
  readonly architecture: Architecture;
  /** The one that is asked for; else the newest that the source has. */
  readonly version: string | undefined;
  readonly allowDowngrade: boolean;
  /** A trial lasts as the databases in it are large. */
  readonly dataDir: string;
  readonly releaseKeys: readonly string[];
  readonly run: RunProgram;
  /** Undefined: somebody else starts and stops them. */
  readonly services: Services | undefined;
  readonly clock: Clock;
  /** A line of what is being done, and what is over soon: shown only to who watches. */
  readonly say: (text: string) => void;
  readonly watch: (text: string) => void;
  readonly progress: Progress;
};

export type Upgraded = {
  readonly type: 'nothing' | 'confirmed' | 'to-be-started';
  readonly from: string;
  readonly to: string;
};

/** Throws Unverified, Downgrade, BadConfig and the like with nothing changed; TakenBack where the release before runs again. */
export async function upgrade(options: UpgradeOptions, signal: AbortSignal): Promise<Upgraded> {
  const { layout, allowDowngrade } = options;
  const lock = await lockInstallation(layout);
  try {
    const current = installedVersion(layout);
    const file = await chosenFile(options, signal);
    const to = file.version;
    const trials = MODES.flatMap((mode) => readTrial(layout, mode) ?? []);
    const decision = decideUpgrade({ current, trials, wanted: to, allowDowngrade });
    switch (decision.type) {
      case 'nothing':
        return { type: 'nothing', from: current, to };
      case 'resume':
        return await prove(options, decision.back, to, signal);
      case 'take':
        tellIfFailedBefore(options, to);
        await takeRelease({ ...options, file, kept: [current, decision.back] }, signal);
        return await switchAndProve(options, decision.back, to, signal);
    }
  } finally {
    lock.release();
  }
}

/** No reason to refuse: what was wrong may have been this machine's, and be mended. */
function tellIfFailedBefore({ layout, say }: UpgradeOptions, to: string): void {
  const gone = readGoneBack(layout);
  if (gone?.to === to) say(`${to} was tried here before and taken back (${gone.when}: ${gone.why}); it is tried again`);
}

function installedVersion(layout: Layout): string {
  const current = currentVersion(layout);
  if (current !== undefined && canRun(layout, current)) return current;
  throw new SkerryError(
    'NotFound',
    `upgrade the skerry in ${layout.lib}: there is none; install it with \`skerry install\` or install.sh`,
  );
}

async function chosenFile(
  { source, releaseKeys, architecture, version, say }: UpgradeOptions,
  signal: AbortSignal,
): Promise<SummedFile> {
  say(`looking for a release in ${source.name}`);
  const [sums, signature] = [await source.small(SUMS_FILE, signal), await source.small(SIGNATURE_FILE, signal)];
  verifySums(sums, signature, releaseKeys);
  return chooseFile(parseSums(Buffer.from(sums).toString('utf8')), architecture, version ?? source.version);
}

async function switchAndProve(options: UpgradeOptions, back: string, to: string, signal: AbortSignal): Promise<Upgraded> {
  const { layout, services, dataDir } = options;
  const running = (await services?.running(signal)) ?? [];
  const modes = running.length > 0 ? running : installedModes(layout);
  signal.throwIfAborted();
  const trials = modes.map((mode) => ({
    mode,
    needs: needsOf(layout, mode),
    limitSeconds: trialSecondsMax(databaseBytes(mode, dataDir)),
  }));
  performSteps(switchSteps(layout, { to, back, trials }));
  // One that was on trial itself has not proved to be a way back.
  removeSlotsBut(layout, [to, back]);
  return prove(options, back, to, signal);
}

/** From here on the machine has switched: what was begun is started, waited for, and cleared up after. */
async function prove(options: UpgradeOptions, back: string, to: string, signal: AbortSignal): Promise<Upgraded> {
  const { layout, services, clock, say, watch } = options;
  const running = (await services?.running(signal)) ?? [];
  if (services === undefined || running.length === 0) return { type: 'to-be-started', from: back, to };
  const restarts = new Map<Mode, Restart>();
  for (const mode of running) {
    const trial = readTrial(layout, mode);
    // One that has been started already has its chance; another start would take one from it.
    if (trial === undefined || trial.starts > 0) {
      restarts.set(mode, { atMs: clock.now(), ended: undefined });
      continue;
    }
    say(`restarting skerry-${mode}; containers go on running`);
    restarts.set(mode, await services.restart(mode, signal));
  }
  await waitForOutcome({ layout, to, restarts, services, clock, watch }, signal);
  removeSlotsBut(layout, [to, back]);
  return { type: 'confirmed', from: back, to };
}

/** Those that say that they run; else those with a unit; else each that somebody may start. */
function installedModes(layout: Layout): readonly Mode[] {
  const running = MODES.filter((mode) => readHealth(layout, mode) !== undefined);
  if (running.length > 0) return running;
  const found = MODES.filter((mode) => existsSync(join(layout.units, `skerry-${mode}.service`)));
  return found.length > 0 ? found : MODES;
}

/** An agent that does not run has not said what it has: it has to have an engine, as any, and a link only if it is known that it had one. */
function needsOf(layout: Layout, mode: Mode): readonly Need[] {
  return readHealth(layout, mode) ?? ['engine'];
}
