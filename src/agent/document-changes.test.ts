import { expect, test } from 'vitest';
import { concernedPods } from './document-changes.ts';

function checkConcerned(changed: readonly string[], expected: readonly string[] | undefined): void {
  expect(concernedPods(new Set(changed))).toEqual(expected);
}

test('a change has looked at whom it concerns, and at all only where many may share it', () => {
  checkConcerned(['pods/a', 'pods/b', 'tokens/a/access/deep/token'], ['a', 'b']);
  checkConcerned(['services/default/web', 'endpoints/default/web/n2', 'peers/n2'], []);
  checkConcerned(['pods/a', 'configmaps/default/settings'], undefined);
  checkConcerned(['*'], undefined);
});
