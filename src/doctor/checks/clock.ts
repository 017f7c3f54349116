import { outputOf } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';
import { rfc3339 } from '#lib/time.ts';

/** The wall clock. Skerry itself goes by none, but TLS of registries does, and people read times in logs. */
export type ClockFacts = {
  readonly nowMs: number;
  /** Undefined: nobody here can tell. */
  readonly synchronised: boolean | undefined;
  /** The server's clock less ours, to the second; undefined where it was not reached. */
  readonly serverAheadMs: number | undefined;
};

/** This release was made later, and a board without a battery begins in 1970 or when its system was made. */
const PLAUSIBLE_MS_MIN = Date.UTC(2026, 0, 1);
const PLAUSIBLE_MS_MAX = Date.UTC(2100, 0, 1);
const SKEW_MS_MAX = 60_000;

export async function gatherClock(scene: Scene, signal: AbortSignal): Promise<ClockFacts> {
  const { outside } = scene;
  const [shown, timesyncd, chrony, server] = await Promise.all([
    outside.run(['timedatectl', 'show', '--property=NTPSynchronized'], signal),
    outside.exists('/run/systemd/timesync/synchronized'),
    outside.run(['chronyc', '-c', 'tracking'], signal),
    scene.server(),
  ]);
  const said = /^NTPSynchronized=(yes|no)$/m.exec(outputOf(shown) ?? '')?.[1];
  // The last of its columns: Normal, Insert second, Delete second or Not synchronised.
  const leap = outputOf(chrony)?.trim().split(',').at(-1);
  const byChrony = leap === undefined || leap === '' ? undefined : leap !== 'Not synchronised';
  const probes = server.type === 'tried' ? [server.direct, server.proxied?.probe] : [];
  const reached = probes.find((probe) => probe?.type === 'reached');
  return {
    nowMs: outside.clock.now(),
    synchronised: timesyncd || said === 'yes' ? true : (byChrony ?? (said === 'no' ? false : undefined)),
    serverAheadMs: reached?.type === 'reached' ? reached.aheadMs : undefined,
  };
}

export function judgeClock({ nowMs, synchronised, serverAheadMs }: ClockFacts): readonly Verdict[] {
  const shown = rfc3339(nowMs);
  if (nowMs < PLAUSIBLE_MS_MIN || nowMs > PLAUSIBLE_MS_MAX)
    return [
      problem(
        `the clock says ${shown}, which can not be: registries refuse to speak TLS with it, so no image can be pulled`,
        SET,
      ),
    ];
  const skew = serverAheadMs !== undefined && Math.abs(serverAheadMs) > SKEW_MS_MAX;
  return [
    ...(skew
      ? [
          warning(
            `the clock is ${Math.round(Math.abs(serverAheadMs) / 1000)} s ${serverAheadMs > 0 ? 'behind' : 'ahead of'} the server's`,
            `One of the two is wrong; pods run regardless.\n${SET}`,
          ),
        ]
      : []),
    ...(synchronised === false && !skew
      ? [warning(`${shown}, but nothing has set the clock since the machine started`, SET)]
      : []),
    ...(synchronised === undefined ? [unknown(`${shown}; whether something keeps the clock right can not be seen`)] : []),
    ...(synchronised === true && !skew
      ? [ok(`${shown}, synchronised${serverAheadMs === undefined ? '' : ", and the server's is the same"}`)]
      : []),
  ];
}

const SET =
  'Where chrony runs, see which of its sources answers: chronyc sources\nElse have the clock set: timedatectl set-ntp true\nWhere that finds nothing to do it with, install one first: apt-get install -y systemd-timesyncd';
