import { expect, test } from 'vitest';
import type { DeleteFlags } from '../delete.ts';
import { deletionOf } from './deletion.ts';

const DELETE: DeleteFlags = { dataDir: '', gracePeriod: -1, cascade: 'background', wait: 'true', timeout: 0, dryRun: 'none' };

test.each([
  [{}, { force: false, wait: true }, undefined],
  [{ gracePeriod: 0 }, { force: false }, 1],
  [{ gracePeriod: 0, force: true }, { force: true }, 0],
  [{ force: true }, { force: true }, 0],
  [{ now: true }, { force: false }, 1],
  [{ selector: '' }, { force: false }, undefined],
  [{ wait: 'false', gracePeriod: 7 }, { wait: false }, 7],
] as const)('delete with %o', (flags, expected, grace) => {
  const deletion = deletionOf(['pods', 'a'], { ...DELETE, ...flags });
  expect(deletion).toMatchObject(expected);
  expect(deletion.body['gracePeriodSeconds']).toBe(grace);
});

test.each([
  ['pods', {}, 'no name was specified'],
  ['pods', { selector: '' }, 'no name was specified'],
  ['pods', { fieldSelector: ' ' }, 'no name was specified'],
  ['pods a', { selector: 'a' }, 'name cannot be provided'],
  ['pods a', { all: true }, 'name cannot be provided'],
  ['pods', { all: true, selector: 'a' }, 'cannot set --all and --selector'],
  ['pods a', { now: true, gracePeriod: 3 }, '--now and --grace-period'],
  ['pods a', { force: true, gracePeriod: 3 }, '--force and --grace-period'],
  ['pods a', { filename: ['x'] }, 'not both'],
] as const)('delete %s with %o is wrong usage', (line, flags, why) => {
  expect(() => deletionOf(line.split(' '), { ...DELETE, ...flags })).toThrow(why);
});
