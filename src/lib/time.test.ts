import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTime, rfc3339 } from './time.ts';

test.each([
  ['2026-11-20T18:37:10Z', '2026-11-20T18:37:10Z'],
  ['2026-11-20T18:37:10.999999999Z', '2026-11-20T18:37:10Z'],
  ['2026-11-20T00:37:10+02:00', '2026-11-19T22:37:10Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['2026-02-30T00:00:00Z', undefined],
  ['2026-01-01T24:00:00Z', undefined],
  ['2026-01-01T00:00:60Z', undefined],
  ['2026-13-01T00:00:00Z', undefined],
  ['9999-12-31T23:59:59-01:00', undefined],
  ['2026-01-01 00:00:00Z', undefined],
  ['2026-01-01t00:00:00z', undefined],
  ['2026-01-01T00:00:00', undefined],
  ['2026-01-01', undefined],
  ['Jan 1 2026', undefined],
  ['', undefined],
])('%s is %s', (text, expected) => {
  const ms = parseTime(text);
  expect(ms === undefined ? undefined : rfc3339(ms)).toBe(expected);
});

test('a time that was written is never read as another', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
      (date) => {
        expect(parseTime(date.toISOString())).toBe(date.getTime());
      },
    ),
  );
});
