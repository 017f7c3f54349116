import { expect, test } from 'vitest';
import { age, humanDuration } from './age.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function checkDuration(ms: number, expected: string): void {
  expect(humanDuration(ms), String(ms)).toBe(expected);
}

test('durations as kubectl shows them', () => {
  checkDuration(-2 * SECOND, '<invalid>');
  checkDuration(-1 * SECOND, '0s');
  checkDuration(0, '0s');
  checkDuration(SECOND - 1, '0s');
  checkDuration(119 * SECOND, '119s');
  checkDuration(120 * SECOND, '2m');
  checkDuration(123 * SECOND, '2m3s');
  checkDuration(10 * MINUTE - SECOND, '9m59s');
  checkDuration(10 * MINUTE + 5 * SECOND, '10m');
  checkDuration(179 * MINUTE, '179m');
  checkDuration(3 * HOUR, '3h');
  checkDuration(3 * HOUR + MINUTE, '3h1m');
  checkDuration(8 * HOUR + MINUTE, '8h');
  checkDuration(47 * HOUR, '47h');
  checkDuration(48 * HOUR, '2d');
  checkDuration(50 * HOUR, '2d2h');
  checkDuration(8 * DAY + HOUR, '8d');
  checkDuration(729 * DAY, '729d');
  checkDuration(730 * DAY, '2y');
  checkDuration(733 * DAY, '2y3d');
  checkDuration(8 * 365 * DAY + DAY, '8y');
});

test('no time, no age', () => {
  expect(age(undefined, 0)).toBe('<unknown>');
  expect(age(null, 0)).toBe('<unknown>');
  expect(age('1970-01-01T00:00:00Z', 90 * SECOND)).toBe('90s');
});
