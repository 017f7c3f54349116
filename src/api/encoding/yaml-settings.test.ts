import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import { parseYamlSettings, placeOf } from './yaml-settings.ts';

const checkSettings = (text: string, expected: readonly unknown[]) =>
  expect(
    parseYamlSettings(text).map(({ key, line, value: { type, ...rest } }) => [line, key, type, ...Object.values(rest)]),
  ).toEqual(expected);

test('values are what is written, on the line of their key', () => {
  checkSettings('# nothing\n', []);
  checkSettings('', []);
  checkSettings(
    `# of this board
node-name: 007   # no number

keepalive: "4m"
no-agent: yes
listen: :6443
labels: { version: 1.10, empty: , quoted: 'a b' }
tls-san:
- a.example
- 10
data-dir:
server: ~
`,
    [
      [2, 'node-name', 'text', '007'],
      [4, 'keepalive', 'text', '4m'],
      [5, 'no-agent', 'text', 'yes'],
      [6, 'listen', 'text', ':6443'],
      [
        7,
        'labels',
        'map',
        [
          ['version', '1.10'],
          ['empty', ''],
          ['quoted', 'a b'],
        ],
      ],
      [8, 'tls-san', 'list', ['a.example', '10']],
      [11, 'data-dir', 'nothing'],
      [12, 'server', 'nothing'],
    ],
  );
  checkSettings('a: &x [1]\nb: *x\na: {b: [1]}\nc: [[1]]\n', [
    [1, 'a', 'list', ['1']],
    [2, 'b', 'list', ['1']],
    [3, 'a', 'nested'],
    [4, 'c', 'nested'],
  ]);
});

test('what is no file of settings is refused, never with anything but a place and a reason', () => {
  for (const text of ['- a', 'words', 'a: b\n---\nc: d', 'a: [', 'a: b: c'])
    expect(() => parseYamlSettings(text), text).toThrow();
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '&', '*', '!', '"', '?', '<') }),
      (text) => {
        try {
          parseYamlSettings(text);
        } catch (error) {
          expect([hasCode(error, 'BadConfig'), placeOf('F', error)]).toEqual([true, expect.stringMatching(/^F:\d+:\d+$/)]);
        }
      },
    ),
    { numRuns: 500 },
  );
});
