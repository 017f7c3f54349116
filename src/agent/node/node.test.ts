import { expect, test } from 'vitest';
import { allocatableOf, nodeCapacity } from './capacity.ts';
import { nodeConditions, pressuresOf } from './node-conditions.ts';

const READINGS = {
  memoryAvailableBytes: 1e9,
  diskBytes: 100e9,
  diskAvailableBytes: 50e9,
  inodes: 1000,
  inodesFree: 900,
  pids: 200,
  pidsMax: 4_194_304,
};

test('pressures are felt at upstream’s thresholds', () => {
  expect([...pressuresOf(READINGS)]).toEqual([]);
  expect([...pressuresOf({ ...READINGS, memoryAvailableBytes: 50e6 })]).toEqual(['MemoryPressure']);
  expect([...pressuresOf({ ...READINGS, diskAvailableBytes: 9e9 })]).toEqual(['DiskPressure']);
  expect([...pressuresOf({ ...READINGS, inodesFree: 40 })]).toEqual(['DiskPressure']);
  expect([...pressuresOf({ ...READINGS, pids: 4_100_000 })]).toEqual(['PIDPressure']);
  expect([...pressuresOf({ ...READINGS, diskBytes: 0, inodes: 0, pidsMax: 0 })]).toEqual([]);
});

test('conditions keep the time of their last change', () => {
  const first = nodeConditions({ pressures: new Set(), health: { ready: true }, unknownKeys: [] }, [], 0);
  expect(first.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'MemoryPressure=False',
    'DiskPressure=False',
    'PIDPressure=False',
    'ConfigOK=True',
    'Ready=True',
  ]);
  const down = nodeConditions(
    {
      pressures: new Set(['DiskPressure']),
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
