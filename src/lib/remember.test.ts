import { expect, test } from 'vitest';
import { remember } from './remember.ts';

test('the same value is worked on once in a context, and never answered from another', () => {
  const worked: string[] = [];
  const known = remember(({ name }: { readonly name: string }, context: string) => {
    worked.push(`${name} in ${context}`);
    return `${name} in ${context}`;
  });
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  for (const [value, context] of [
    [a, 'x'],
    [a, 'x'],
    [b, 'x'],
    [a, 'x'],
    [a, 'y'],
    [a, 'y'],
    [a, 'x'],
  ] as const)
    expect(known(value, context)).toBe(`${value.name} in ${context}`);
  expect(worked).toEqual(['a in x', 'b in x', 'a in y', 'a in x']);
});
