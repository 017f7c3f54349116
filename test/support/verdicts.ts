import { expect } from 'vitest';
import type { Status, Verdict } from '../../src/doctor/finding.ts';

/** What a judge says of facts: a status and a pattern of the message, with its advice behind it, for each thing that is not simply good. */
export function checkVerdicts(verdicts: readonly Verdict[], expected: readonly (readonly [Status, RegExp])[]): void {
  const told = verdicts.map(({ status, message, advice }) => [status, `${message}${advice === undefined ? '' : ` → ${advice}`}`]);
  const wanted = expected.map(([status, pattern]) => [status, expect.stringMatching(pattern)]);
  const bad = (list: readonly (readonly unknown[])[]) => list.filter(([status]) => status !== 'ok');
  expect(expected.some(([status]) => status === 'ok') ? told : bad(told)).toEqual(wanted);
  for (const { status, advice } of verdicts) if (status === 'error' || status === 'warning') expect(advice).not.toBe('');
}
