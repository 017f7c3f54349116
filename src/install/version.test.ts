import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions, isVersion } from './version.ts';

test('only versions are versions, and each is a safe file name', () => {
  for (const good of ['0.1.0', '10.20.30', '1.0.0-rc.1', '1.0.0+build.5', '1.2.3-a-b.c+d'])
    expect([good, isVersion(good)]).toEqual([good, true]);
  for (const bad of [
    '',
    '1',
    '1.2',
    'v1.2.3',
    '01.2.3',
    '1.2.3/..',
    '../1.2.3',
    '1.2.3 ',
    '1.2.3\n',
    `1.2.3-${'a'.repeat(64)}`,
    '1.2.3-',
    '.download',
  ])
    expect([bad, isVersion(bad)]).toEqual([bad, false]);
  fc.assert(fc.property(fc.string(), (text) => !isVersion(text) || /^\d[0-9A-Za-z.+-]*$/.test(text)));
});

test('versions stand in the order of semver.org', () => {
  const ordered = [
    '0.1.0',
    '0.1.1',
    '0.2.0',
    '0.10.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
  ];
  for (const [at, left] of ordered.entries())
    for (const [other, right] of ordered.entries())
      expect([left, right, Math.sign(compareVersions(left, right))]).toEqual([left, right, Math.sign(at - other)]);
  expect(compareVersions('1.0.0+a', '1.0.0+b')).toBe(0);
});
