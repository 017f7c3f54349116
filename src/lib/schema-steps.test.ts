import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_FILE, planSchema, schemaMark, type SchemaMark, type SchemaStep } from './schema-steps.ts';

/** `aad`: two additive steps and a destructive one. */
const steps = (kinds: string): readonly SchemaStep[] =>
  Array.from(kinds, (kind, at) => ({ version: at + 1, kind: kind === 'd' ? 'destructive' : 'additive', sql: '' }));

function checkPlan(kinds: string, found: readonly [number, number], onTrial: boolean, expected: string): void {
  const plan = planSchema(steps(kinds), { version: found[0], usableFrom: found[1] }, onTrial);
  const told =
    plan.type === 'too-new'
      ? 'too new'
      : `${plan.steps.map(({ version }) => version).join(' ') || 'none'} → ${plan.mark.version} from ${plan.mark.usableFrom}`;
  expect([kinds, found, onTrial, told]).toEqual([kinds, found, onTrial, expected]);
}

test('which steps are run, and who may open the file then', () => {
  checkPlan('a', [0, 0], false, '1 → 1 from 1');
  checkPlan('a', [1, 1], false, 'none → 1 from 1');
  checkPlan('aa', [1, 1], true, '2 → 2 from 1');
  checkPlan('a', [2, 1], false, 'none → 2 from 1');
  checkPlan('aad', [2, 1], true, 'none → 2 from 1');
  checkPlan('aad', [2, 1], false, '3 → 3 from 3');
  checkPlan('aada', [1, 1], true, '2 → 2 from 1');
  checkPlan('aada', [1, 1], false, '2 3 4 → 4 from 3');
  checkPlan('aa', [3, 3], false, 'too new');
  checkPlan('aaa', [4, 3], false, 'none → 4 from 3');
  checkPlan('aad', [0, 0], true, '1 2 → 2 from 1');
});

test('never does a release on trial make a file that the release before can not open', () => {
  const kinds = fc.string({ unit: fc.constantFrom('a', 'd'), minLength: 1, maxLength: 8 }).map((text) => `a${text.slice(1)}`);
  fc.assert(
    fc.property(kinds, fc.nat(7), fc.nat(7), (all, olderCount, extra) => {
      const newer = steps(all);
      const older = newer.slice(0, 1 + (olderCount % newer.length));
      // Whatever the older one left, confirmed or not, even after a first trial of the newer one.
      let mark: SchemaMark = EMPTY_FILE;
      for (const [release, onTrial] of [
        [older, extra % 2 === 0],
        [newer, true],
        [older, false],
        [newer, true],
        [older, true],
      ] as const) {
        const plan = planSchema(release, mark, onTrial);
        if (plan.type !== 'run') throw new Error(`${release.length} of ${newer.length} steps: too new`);
        mark = plan.mark;
      }
    }),
  );
});

test('what a file says of itself is taken only where it makes sense', () => {
  expect([schemaMark(1, undefined), schemaMark(3, '2'), schemaMark(3, 4), schemaMark(3, 'x'), schemaMark(3, 0)]).toEqual(
    [1, 2, 3, 3, 3].map((usableFrom, at) => ({ version: at === 0 ? 1 : 3, usableFrom })),
  );
});
