import { expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { logTo } from '#lib/log.ts';
import { allocatableOf, nodeCapacity } from './capacity.ts';
import { nodeConditions } from './node-conditions.ts';
import { PRESSURE_HOLD_MS, createPressureWatch, shortOf } from './pressures.ts';

const READINGS = {
  memoryAvailableBytes: 1e9,
  diskPath: '/var/lib/skerry',
  diskBytes: 100e9,
  diskAvailableBytes: 50e9,
  inodes: 1000,
  inodesFree: 900,
  pids: 200,
  pidsMax: 4_194_304,
};

test('pressures are felt at upstream’s thresholds', () => {
  expect(shortOf(READINGS)).toEqual([]);
  expect(shortOf({ ...READINGS, memoryAvailableBytes: 50e6 })).toEqual(['MemoryPressure']);
  expect(shortOf({ ...READINGS, diskAvailableBytes: 9e9 })).toEqual(['DiskPressure']);
  expect(shortOf({ ...READINGS, inodesFree: 40 })).toEqual(['DiskPressure']);
  expect(shortOf({ ...READINGS, pids: 4_100_000 })).toEqual(['PIDPressure']);
  expect(shortOf({ ...READINGS, diskBytes: 0, inodes: 0, pidsMax: 0 })).toEqual([]);
});

test('a disk that fills up is named with its figures, told in the log once, and again when it has room', async () => {
  const clock = manualClock();
  const told: unknown[] = [];
  const log = logTo((line) => told.push(JSON.parse(line)), 'info', 'json');
  const watch = createPressureWatch({ clock, log });
  const feel = (diskAvailableBytes: number) => watch.feel({ ...READINGS, diskAvailableBytes }).get('DiskPressure');
  expect(feel(11e9)).toBe(undefined);
  const first = 'the disk of /var/lib/skerry has 9346 MB of 95367 MB free, and 9536 MB are needed';
  expect([feel(9.8e9), feel(9.7e9), feel(8.2e9)]).toEqual([first, first, first]);
  // Anew only where it has become much worse: each time is a report.
  expect(feel(7e9)).toContain('6675 MB of');
  expect(feel(12e9)).toContain('6675 MB of');
  expect(watch.feel({ ...READINGS, inodesFree: 40 }).get('DiskPressure')).toContain(
    'has 40 of 1000 inodes free, and 50 are needed',
  );
  await clock.advance(PRESSURE_HOLD_MS + 1);
  expect(feel(12e9)).toBe(undefined);
  expect(told).toMatchObject([
    { level: 'warn', condition: 'DiskPressure', why: first },
    { level: 'info', condition: 'DiskPressure', msg: 'the pressure on this node has passed' },
  ]);
});

test('conditions keep the time of their last change', () => {
  const first = nodeConditions({ pressures: new Map(), health: { ready: true }, unknownKeys: [] }, [], 0);
  expect(first.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'MemoryPressure=False',
    'DiskPressure=False',
    'PIDPressure=False',
    'ConfigOK=True',
    'Ready=True',
  ]);
  const down = nodeConditions(
    {
      pressures: new Map([['DiskPressure', 'the disk is short']]),
      health: { ready: false, code: 'EngineAbsent', message: 'no container engine answers' },
      unknownKeys: ['c.yaml:1: unknown key "a"', 'c.yaml:2: unknown key "b"'],
    },
    first,
    60_000,
  );
  expect(down.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:01:00Z',
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:01:00Z',
    '1970-01-01T00:01:00Z',
  ]);
  expect(down[1]).toMatchObject({ status: 'True', message: 'kubelet has disk pressure: the disk is short' });
  expect(down[3]).toMatchObject({
    status: 'False',
    reason: 'UnknownKeys',
    message: 'c.yaml:1: unknown key "a"; c.yaml:2: unknown key "b"',
  });
  expect(down[4]).toMatchObject({
    status: 'False',
    reason: 'KubeletNotReady',
    message: 'container runtime is down: no container engine answers',
  });
});

test('capacity is what there is, or less where it is capped', () => {
  const input = { cpus: 4, memoryBytes: 8 * 1024 ** 3, storageBytes: 100 * 1024 ** 3, podCidr: '10.32.0.0/27', caps: {} };
  const full = nodeCapacity(input);
  expect(full.capacity).toEqual({ cpu: '4', memory: '8388608Ki', 'ephemeral-storage': '104857600Ki', pods: '30' });
  expect(full.allocatable).toMatchObject({ cpu: '4', 'ephemeral-storage': '96636764160' });
  const capped = nodeCapacity({ ...input, podCidr: undefined, caps: { cpu: '500m', memory: '64Gi', pods: '5' } });
  expect(capped.capacity).toMatchObject({ cpu: '500m', memory: '8388608Ki', pods: '5' });
  expect(allocatableOf(capped)).toMatchObject({ cpuMilli: 500, memoryBytes: 8 * 1024 ** 3 });
});
