import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import type { MachineReadings } from './machine.ts';

/** What the node is short of, by thresholds of upstream's kubelet (pkg/kubelet/eviction defaults), held for a while, and told in the log when it begins and ends. */
const MEMORY_BYTES_MIN = 100 * 1024 * 1024;
const DISK_SHARE_MIN = 0.1;
const INODES_SHARE_MIN = 0.05;
const PIDS_SHARE_MIN = 0.05;
/** A pressure that has passed is believed after this long (upstream: eviction-pressure-transition-period). */
export const PRESSURE_HOLD_MS = 5 * 60_000;
/** While a disk is short, its figures are told anew when they have changed by so much of it: each time is a report to the server. */
const RETOLD_SHARE = 0.02;

export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** Each with what there is and what is needed, or nothing where the name says all. */
export type Pressures = ReadonlyMap<Pressure, string>;

export type PressureWatch = {
  /** What presses now, or did so lately. */
  readonly feel: (readings: MachineReadings) => Pressures;
};

export function createPressureWatch({ clock, log }: { readonly clock: Clock; readonly log: Log }): PressureWatch {
  const held = new Map<Pressure, { readonly atMs: number; readonly why: string }>();
  let told: MachineReadings | undefined;
  return {
    feel: (readings) => {
      const nowMs = clock.monotonic();
      if (told === undefined || isOtherDisk(told, readings)) told = readings;
      const short = shortOf(readings);
      for (const pressure of short) {
        const why = pressure === 'DiskPressure' ? diskWords(told) : '';
        if (!held.has(pressure))
          log.warn({ condition: pressure, ...(why === '' ? {} : { why }) }, 'this node is under pressure and gets no new pods');
        held.set(pressure, { atMs: nowMs, why });
      }
      for (const [pressure, { atMs }] of held) {
        if (nowMs - atMs <= PRESSURE_HOLD_MS) continue;
        held.delete(pressure);
        log.info({ condition: pressure }, 'the pressure on this node has passed');
      }
      return new Map([...held].map(([pressure, { why }]) => [pressure, why]));
    },
  };
}

/** Which pressures are felt right now. What could not be read presses nobody. Pure. */
export function shortOf(readings: MachineReadings): readonly Pressure[] {
  const pids = readings.pidsMax - readings.pids;
  return [
    ...(readings.memoryAvailableBytes < MEMORY_BYTES_MIN ? (['MemoryPressure'] as const) : []),
    ...(lacksBytes(readings) || lacksInodes(readings) ? (['DiskPressure'] as const) : []),
    ...(isBelow(pids, readings.pidsMax, PIDS_SHARE_MIN) ? (['PIDPressure'] as const) : []),
  ];
}

function diskWords(readings: MachineReadings): string {
  const { diskPath, diskBytes, diskAvailableBytes, inodes, inodesFree } = readings;
  const [free, all, needed] = [diskAvailableBytes, diskBytes, diskBytes * DISK_SHARE_MIN].map(
    (bytes) => `${Math.floor(bytes / 1024 ** 2)} MB`,
  );
  const lacks = lacksBytes(readings)
    ? `${free} of ${all} free, and ${needed} are needed`
    : `${inodesFree} of ${inodes} inodes free, and ${Math.ceil(inodes * INODES_SHARE_MIN)} are needed`;
  return `the disk of ${diskPath} has ${lacks}`;
}

const isBelow = (left: number, all: number, share: number): boolean => all > 0 && left / all < share;

const lacksBytes = ({ diskAvailableBytes, diskBytes }: MachineReadings): boolean =>
  isBelow(diskAvailableBytes, diskBytes, DISK_SHARE_MIN);

const lacksInodes = ({ inodesFree, inodes }: MachineReadings): boolean => isBelow(inodesFree, inodes, INODES_SHARE_MIN);

function isOtherDisk(a: MachineReadings, b: MachineReadings): boolean {
  const differs = (one: number, other: number, all: number) => Math.abs(one - other) >= all * RETOLD_SHARE;
  return (
    lacksBytes(a) !== lacksBytes(b) ||
    lacksInodes(a) !== lacksInodes(b) ||
    differs(a.diskAvailableBytes, b.diskAvailableBytes, b.diskBytes) ||
    differs(a.inodesFree, b.inodesFree, b.inodes)
  );
}
