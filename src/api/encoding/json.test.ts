import { expect, test } from 'vitest';
import { scan } from './json.ts';

const checkDuplicates = (text: string, expected: readonly string[]) => expect(scan(text).duplicates).toEqual(expected);
const checkOffset = (text: string, path: readonly (string | number)[], expected: number | undefined) =>
  expect(scan(text, path).offset).toBe(expected);

test('keys that stand twice in one object, by their path', () => {
  checkDuplicates('{"a":1,"b":{"a":1},"a":2}', ['a']);
  checkDuplicates('[{"a":{"b":1,"b":2}},{"a":{"c":1,"c":{"d":1}}}]', ['[0].a.b', '[1].a.c']);
  checkDuplicates(String.raw`{"a\"{":1,"a\"{":[]}`, ['a"{']);
});

test('where the value at a path stands', () => {
  const text = '{"a":[1,{"b":"x"}],"c":{"a":[0,{"b":2}]}}';
  checkOffset(text, [], 0);
  checkOffset(text, ['a', 1, 'b'], text.indexOf('"x"'));
  checkOffset(text, ['c', 'a', 1, 'b'], text.indexOf('2'));
  checkOffset(text, ['c', 'a', '1', 'b'], undefined);
  checkOffset(text, ['a', 2], undefined);
});

test('a body of many values far within takes no more than its length', () => {
  const [depth, count] = [900, 200_000];
  const many = (values: string) => `${'{"a":['.repeat(depth / 2)}${values}${']}'.repeat(depth / 2)}`;
  expect(scan(many(Array.from({ length: count }, () => '0').join(',')))).toEqual({ duplicates: [] });
  const twice = scan(many(`{${Array.from({ length: count }, () => '"k":0').join(',')}}`)).duplicates;
  expect(twice.length).toBe(100);
}, 2_000);
