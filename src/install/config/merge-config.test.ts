import { expect, test } from 'vitest';
import type { ConfigKey } from './config-key.ts';
import { mergeConfig, withoutSettings, type GivenFlags } from './merge-config.ts';

const KEYS: readonly ConfigKey[] = [
  { name: 'server', form: 'text', parse: (text) => text },
  { name: 'node-name', form: 'text', parse: (text) => text },
  { name: 'labels', form: 'map', parse: (text) => text },
  { name: 'no-agent', form: 'switch', parse: (text) => text },
];
const merge = (text: string | undefined, given: GivenFlags) => mergeConfig('/c.yaml', text, given, KEYS);

test('what was given is set, the rest stays as it was written', () => {
  const text = `# of the harbour
node-name: board-7 # by the crane

labels:
  - site=harbour
`;
  const merged = merge(text, { 'node-name': '007', server: 'https://a:6443', 'no-agent': true });
  expect(merged).toBe(`# of the harbour
node-name: "007" # by the crane

labels:
  - site=harbour
server: https://a:6443
no-agent: true
`);
  expect(merge(merged, { 'node-name': '007', labels: 'site=harbour', 'no-agent': true })).toBe(merged);
});

test('a file that is not there, or holds comments only, gets what was given', () => {
  expect(merge(undefined, { labels: 'a=yes,b=1.10' })).toMatch(
    /^# Settings[^]*\n\nlabels: a=yes,b=1.10\n$|^# Settings[^]*\nlabels: a=yes,b=1.10\n$/,
  );
  expect(merge('# mine\n', {})).toBe('# mine\n');
  const long = `https://${'a'.repeat(200)} ${'b'.repeat(200)}`;
  expect(merge('# mine', { server: long })).toBe(`# mine\nserver: ${long}\n`);
});

test('what would not start is refused, with each reason', () => {
  const check = (text: string, message: RegExp) => expect(() => merge(text, { server: 'https://a' })).toThrow(message);
  check('node-nmae: a\nlables: b\n', /node-nmae[^]*did you mean "node-name"[^]*lables/);
  check('- a\n', /^\/c\.yaml:1:1$/);
  check('a: [', /^\/c\.yaml:1:5$/);
});

test('what is taken out goes with its lines, the rest stays to the letter', () => {
  const check = (text: string, expected: string) =>
    expect(withoutSettings('/c.yaml', text, ['server', 'token-file'])).toBe(expected);
  check(
    '# of the harbour\nserver: https://a # here\nlabels: {a: b}\n\n# secret\ntoken-file:\n  /t',
    '# of the harbour\nlabels: {a: b}\n\n# secret\n',
  );
  check('server: a\ntoken-file: |\n  /t\n\nnode-name: server\n', '\nnode-name: server\n');
  check('# mine\nserver: a\n', '# mine\n');
  for (const kept of ['', '# mine\n', 'labels:\n  server: a\n', '{server: a}\n']) check(kept, kept);
  expect(() => withoutSettings('/c.yaml', 'a: [', ['server'])).toThrow(/^\/c\.yaml:1:5$/);
});
