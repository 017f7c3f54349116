import { expect, test } from 'vitest';
import type { Trial } from '../trial.ts';
import { decideUpgrade } from './decide.ts';

const trial = (to: string, back: string): Trial => ({
  to,
  back,
  starts: 0,
  limitSeconds: 600,
  untilSeconds: undefined,
  boot: undefined,
  needs: [],
});

function check(current: string, trials: readonly Trial[], wanted: string, allowDowngrade: boolean, expected: string): void {
  let told: string;
  try {
    const decision = decideUpgrade({ current, trials, wanted, allowDowngrade });
    told = decision.type === 'nothing' ? 'nothing' : `${decision.type}, back to ${decision.back}`;
  } catch (error) {
    told = error instanceof Error ? error.message : '';
  }
  expect(told).toContain(expected);
}

test('what an upgrade does on a machine as it is', () => {
  check('0.1.0', [], '0.2.0', false, 'take, back to 0.1.0');
  check('0.1.0', [], '0.1.0', false, 'nothing');
  check('0.2.0', [], '0.1.0', false, 'say --allow-downgrade');
  check('0.2.0', [], '0.2.0-rc.1', false, 'say --allow-downgrade');
  check('0.2.0', [], '0.1.0', true, 'take, back to 0.2.0');
});

test('a release on trial is never what is gone back to', () => {
  const trials = [trial('0.2.0', '0.1.0')];
  check('0.2.0', trials, '0.3.0', false, 'take, back to 0.1.0');
  check('0.2.0', trials, '0.2.0', false, 'resume, back to 0.1.0');
  check('0.2.0', trials, '0.1.0', true, '0.2.0 is on trial now');
  // Better than what has proved itself, if not than what has not.
  check('0.2.0', trials, '0.1.5', false, 'take, back to 0.1.0');
  // Begun, but never switched to.
  check('0.1.0', trials, '0.2.0', false, 'take, back to 0.1.0');
});
