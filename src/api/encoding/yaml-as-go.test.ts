import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../object.ts';
import { yamlAsGo } from './yaml-as-go.ts';
import { parseYaml } from './yaml.ts';

/** What kubectl writes is recorded in test/e2e/command-line.test.ts, where both are asked for the same objects. */
test.each([
  [{ b: [1, { c: null, a: [] }], a: {} }, 'a: {}\nb:\n- 1\n- a: []\n  c: null\n'],
  [{ a10: 'yes', a2: '1:30', a: ' x' }, 'a: \' x\'\na2: "1:30"\na10: "yes"\n'],
  [{ k: 'a\nb\n', l: ['x\n\n', '\n', ' a\nb'] }, 'k: |\n  a\n  b\nl:\n- |+\n  x\n\n- |2+\n\n- |2-\n   a\n  b\n'],
  [{ t: '\t', m: 'a \nb', u: '😀' }, 'm: "a \\nb"\nt: "\\t"\nu: "\\U0001F600"\n'],
  [[[1], [[]]], '- - 1\n- - []\n'],
])('%j', (value: Json, text) => {
  expect(yamlAsGo(value)).toBe(text);
});

test('never writes what would be read as something else', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
    fc
      .array(fc.constantFrom('a', ' ', '\n', ':', '#', '-', '"', "'", '0', 'yes', '.', '~', '|', '{', '\t', '\r', '?'), {
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
  );
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(text, tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(value, (given) => {
      // Sound: only JSON is made above.
      const object = { object: given as Json };
      expect(parseYaml(yamlAsGo(object))).toEqual(object);
    }),
    { numRuns: 1000 },
  );
});
