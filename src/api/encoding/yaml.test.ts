import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import type { Json } from '../object.ts';
import { parseYaml, parseYamlBody, stringifyYaml } from './yaml.ts';

/** Values as sigs.k8s.io/yaml 1.6 gives them, compared by hand. */
const checkValue = (text: string, expected: Json) => expect(parseYaml(`v: ${text}`)).toEqual({ v: expected });

const values: readonly (readonly [string, Json])[] = [
  ['yes', true],
  ['Off', false],
  ['y', true],
  ['tRue', 'tRue'],
  ['~', null],
  ['', null],
  ['010', 8],
  ['08', 8],
  ['0x1F', 31],
  ['0b11', 3],
  ['1_000', 1000],
  ['1:30', '1:30'],
  ['.', '.'],
  ['.5', 0.5],
  ['1.', 1],
  ['1e3', 1000],
  ['2026-01-01', '2026-01-01'],
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  ['"yes"', 'yes'],
  ['!!str 1', '1'],
  ['!!binary "eA=="', 'x'],
  ['{<<: {a: 1}, b: 2}', { a: 1, b: 2 }],
  ['>-\n  x\n  y', 'x y'],
];

test('words and numbers are those of YAML 1.1', () => {
  for (const [text, expected] of values) checkValue(text, expected);
});

test('keys are texts, also those that look otherwise', () => {
  expect(parseYaml('{1: a, 1.5: b, yes: c, __proto__: d}')).toEqual(JSON.parse('{"1":"a","1.5":"b","true":"c","__proto__":"d"}'));
});

const refusals: readonly (readonly [string, RegExp])[] = [
  ['a: 1\n---\nb: 2', /it holds more than one document/],
  ['v: .nan', /it holds a number that JSON has not/],
  ['v: !!set {a, b}', /it holds a object that JSON has not/],
  ['{? [a] : b}', /line 1: invalid map key/],
  ['a:\n  ~: b', /line 2: invalid map key/],
  ['v: [a', /error converting YAML to JSON: yaml: /],
  ['a: *b', /Unresolved alias/],
  [`a: &a [x]\nb: &b [${'*a,'.repeat(60)}]\nc: &c [${'*b,'.repeat(60)}]\nd: [${'*c,'.repeat(60)}]`, /Excessive alias count/],
  ['['.repeat(2_000) + ']'.repeat(2_000), /it nests too deeply/],
];

test('what JSON can not tell, and what would take for ever, is refused', () => {
  for (const [text, message] of refusals) expect(() => parseYaml(text)).toThrow(message);
});

test('keys that stand twice, by their line', () => {
  const text = 'a: 1\nb:\n  - {c: 1, c: 2}\n  - d: 1\n    e: 2\n    d: 3\na: 2\n';
  expect(parseYamlBody(text)).toEqual({
    value: { a: 2, b: [{ c: 2 }, { d: 3, e: 2 }] },
    duplicates: [
      'yaml: unmarshal errors:\n  line 7: key "a" already set in map\n  line 3: key "c" already set in map\n  line 6: key "d" already set in map',
    ],
  });
  expect(parseYamlBody('a: 1').duplicates).toEqual([]);
});

test('what is written is never read as something else', () => {
  const tricky = fc.constantFrom(
    'yes',
    'no',
    'on',
    'y',
    '010',
    '1:30',
    '2026-01-01',
    'null',
    '~',
    '',
    '.',
    '0x1',
    '1e3',
    '- a',
    'a: b',
    ' ',
  );
  const key = fc.oneof(tricky, fc.string()).filter((text) => text !== '<<');
  const { node } = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      key,
      fc.integer(),
      fc.boolean(),
      fc.array(tie('node')),
      fc.dictionary(key, tie('node'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, node, { noNullPrototype: true }), (value) => {
      expect(parseYaml(stringifyYaml(value))).toEqual(value);
    }),
  );
});

test('a body of very many values is too large, one of much text is not', () => {
  expect(() => parseYaml(`[${'x,'.repeat(1_000_000)}]`)).toThrow(/at most 200000 tokens/);
  expect(parseYaml(`v: |\n${'  line\n'.repeat(200_000)}`)).toEqual({ v: 'line\n'.repeat(200_000) });
}, 5_000);

test('no text does worse than being refused', () => {
  const part = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '-',
    '[',
    ']',
    '{',
    '}',
    '&x',
    '*x',
    '<<',
    '!!',
    '|',
    '>',
    '"',
    "'",
    '#',
    '?',
    '%',
    '\t',
    '1',
    '~',
    ',',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      try {
        parseYamlBody(parts.join(''));
      } catch (error) {
        expect(hasCode(error, 'BadRequest'), String(error)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});
