import { expect, test } from 'vitest';
import { semanticEqual } from './equal.ts';

function checkEqual(a: unknown, b: unknown, expected: boolean): void {
  expect(semanticEqual(a, b)).toBe(expected);
  expect(semanticEqual(b, a)).toBe(expected);
}

test('absent, null and an empty list are the same; nothing else is', () => {
  checkEqual(undefined, null, true);
  checkEqual({ a: [] }, {}, true);
  checkEqual({ a: [] }, { a: null }, true);
  checkEqual({ a: undefined }, {}, true);
  checkEqual({ namespaceSelector: {} }, {}, false);
  checkEqual({ emptyDir: {} }, { emptyDir: null }, false);
  checkEqual([{}], [], false);
  checkEqual({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, true);
  checkEqual(0, undefined, false);
  checkEqual('', undefined, false);
  checkEqual(false, undefined, false);
  checkEqual([1, 2], [2, 1], false);
  checkEqual([1], [1, 2], false);
  checkEqual({ a: 1 }, { a: '1' }, false);
  checkEqual([1], { 0: 1 }, false);
});
