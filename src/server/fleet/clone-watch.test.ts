import { expect, test } from 'vitest';
import { CloneWatch, QUARANTINE_MS } from './clone-watch.ts';

/** Hellos as `second instance`; the verdicts in their order. */
function checkVerdicts(hellos: readonly string[], expected: readonly string[]): void {
  const watch = new CloneWatch();
  const verdicts = hellos.map((hello) => {
    const [second = '', instance = ''] = hello.split(' ');
    const verdict = watch.hello('n', instance, Number(second) * 1_000);
    return verdict.type === 'welcome' ? 'welcome' : verdict.isNew ? 'quarantined' : 'still';
  });
  expect(verdicts).toEqual(expected);
}

test('restarts and reconnects are no fight', () => {
  checkVerdicts(['1 a', '2 a', '3 b', '4 c', '5 d', '6 e', '7 e', '8 f'], Array(8).fill('welcome'));
  checkVerdicts(['1 a', '30 b', '61 a', '95 b', '130 a', '170 b', '210 a'], Array(7).fill('welcome'));
});

test('two that take turns are kept out until one of them is silent', () => {
  const quarantine = QUARANTINE_MS / 1_000;
  checkVerdicts(
    ['1 a', '2 b', '3 a', '4 b', '5 a', '6 b', '7 a', '300 a', `${8 + quarantine} a`],
    ['welcome', 'welcome', 'welcome', 'welcome', 'welcome', 'quarantined', 'still', 'still', 'welcome'],
  );
});
