import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { environmentProblems, lookAtConfig, variableOf } from './check-config.ts';
import { parseSwitch, type ConfigKey } from './config-key.ts';
import { nearestKey } from './nearest-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'check-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function short(text: string): string {
  if (text.length > 8) throw new Error('Use a short one.');
  return text;
}
const KEYS: readonly ConfigKey[] = [
  ...['data-dir', 'node-name', 'token', 'token-file', 'log-level'].map((name) => ({ name, form: 'text', parse: short }) as const),
  { name: 'proxy', form: 'text', mayHoldLogin: true, parse: short },
  { name: 'no-agent', form: 'switch', parse: parseSwitch },
  { name: 'labels', form: 'map', parse: short },
  { name: 'tls-san', form: 'list', parse: short },
];
const file = join(folder, 'config.yaml');

const problemsAt = async (path: string, mustExist: boolean) => (await lookAtConfig({ path, mustExist }, KEYS, {})).problems;

async function checkProblems(text: string, expected: readonly string[], mode = 0o600): Promise<void> {
  writeFileSync(file, text);
  chmodSync(file, mode);
  const problems = await problemsAt(file, true);
  expect(
    problems.map(({ reason, message }) => `${reason} ${message.replaceAll(file, 'F')}`),
    text,
  ).toEqual(expected);
}

test.each([
  ['', []],
  ['data-dir: /d\nno-agent: on\nlabels: {a: b}\ntls-san: [a, b]\n', []],
  ['labels: a=b\ntls-san: a,b\nno-agent: 0\n', []],
  ['labels: [a=b]\n', []],
  ['labels: {}\ntls-san: []\n', []],
  ['node-nmae: x\n', ['UnknownKey F:1: unknown key "node-nmae": did you mean "node-name"?']],
  ['node_name: x\n', ['UnknownKey F:1: unknown key "node_name": did you mean "node-name"?']],
  ['Data-Dir: x\n', ['UnknownKey F:1: unknown key "Data-Dir": did you mean "data-dir"?']],
  [
    'tokn: x\n',
    [
      'UnknownKey F:1: unknown key "tokn" (there are: data-dir, labels, log-level, no-agent, node-name, proxy, tls-san, token-file)',
    ],
  ],
  ['# c\n\ndata-dir: much-too-long\n', ['BadValue F:3: data-dir "much-too-long": Use a short one.']],
  ['data-dir: [a]\n', ['BadValue F:1: data-dir: It takes one value, and no list.']],
  ['data-dir: {a: b}\n', ['BadValue F:1: data-dir: It takes one value, and no map.']],
  ['data-dir:\n', ['BadValue F:1: data-dir: It has no value: write one, or take the line out.']],
  ['no-agent: maybe\n', ['BadValue F:1: no-agent "maybe": Use true or false.']],
  ['tls-san: {a: b}\n', ['BadValue F:1: tls-san: It takes a value or a list of them, and no map.']],
  ['tls-san: ["a,b"]\n', ['BadValue F:1: tls-san: "a,b" holds a comma, which parts values.']],
  [
    'labels: {a: [b]}\n',
    ['BadValue F:1: labels: It takes a map, or a text like key=value,key=value: no lists or maps within others.'],
  ],
  ['labels: {a: "b,c=d"}\n', ['BadValue F:1: labels: "a=b,c=d" holds a comma, which parts values.']],
  ['labels: {"a=b": c}\n', ['BadValue F:1: labels: "a=b" holds an equals sign, which parts a key and its value.']],
  ['labels: {a: b, a: c}\n', ['BadValue F:1: labels: "a" stands there twice.']],
  ['data-dir: a\n\ndata-dir: b\n', ['KeyTwice F:3: key "data-dir" stands twice, first on line 1: keep one of them']],
  [
    'token: skr1.x\n',
    [
      'SecretInFile F:1: token: a secret does not stand in this file: write it to one of its own (mode 0600), and name that as "token-file"',
    ],
  ],
  ['- a\n', ['Unreadable F:1:1: it is no map of keys and values, such as "data-dir: /var/lib/skerry"']],
  [
    '# c\ndata-dir /d\nlabels: {}\n',
    ['Unreadable F:2:1: no ": " on this line: expected a line such as "data-dir: /var/lib/skerry"'],
  ],
  [
    'token: "secret\n',
    ['Unreadable F:2:1: something is missing: expected ": " behind a key, a space before "#", or the closing quote'],
  ],
  ['a: b\n] secret\n', ['Unreadable F:2:1: this can not stand here: expected a line such as "data-dir: /var/lib/skerry"']],
  [`a: ${'x'.repeat(300_000)}\n`, ['Unreadable read the configuration F: it is larger than 256 KiB']],
] as const)('%j', async (text, expected) => {
  await checkProblems(text, expected);
});

test('a secret that others can read is told with what mends it', async () => {
  await checkProblems('token: skr1.x\n', [expect.stringContaining('chmod 600 F, and make a new token')], 0o644);
});

test('a value that may hold a login is shown to nobody, and that others can read one is told', async () => {
  const open = ['OpenSecret F:1: proxy: others on this machine can read the login that stands there: chmod 600 F'];
  await checkProblems('proxy: m:s3@p\n', [], 0o600);
  await checkProblems('proxy: m:s3@p\n', open, 0o644);
  await checkProblems('proxy: p:1\ndata-dir: a@b\n', [], 0o644);
  await checkProblems('proxy: http://me:s3cret\n', ['BadValue F:1: proxy: Use a short one.']);
  expect(environmentProblems({ SKERRY_PROXY: 'http://me:s3cret' }, KEYS)).toMatchObject([
    { reason: 'BadValue', message: 'SKERRY_PROXY: Use a short one.' },
  ]);
});

test('a file that is missing is a problem where it was named', async () => {
  const path = join(folder, 'none.yaml');
  expect(await problemsAt(path, false)).toEqual([]);
  expect(await problemsAt(path, true)).toMatchObject([{ reason: 'Unreadable' }]);
  mkdirSync(path);
  expect(await problemsAt(path, false)).toMatchObject([{ reason: 'Unreadable' }]);
});

test('of the environment, what is wrong or nearly one of ours', () => {
  const problems = environmentProblems(
    {
      SKERRY_DATA_DIR: '/d',
      SKERRY_LOG_LEVEL: '',
      SKERRY_NODE_NAME: 'much-too-long',
      SKERRY_LABLES: 'a=b',
      SKERRY_URL: 'https://x',
      SKERRY_VERSION: '1.2.3',
      SKERRY_SERVICE_HOST: '10.0.0.1',
      SKERRY_CONFIG: 'c.yaml',
      KUBECONFIG: 'x',
    },
    KEYS,
  );
  expect(problems.map(({ reason, message }) => `${reason} ${message}`)).toEqual([
    'BadValue SKERRY_NODE_NAME "much-too-long": Use a short one.',
    'UnknownKey unknown variable SKERRY_LABLES: did you mean SKERRY_LABELS?',
  ]);
});

test('the nearest key is a key, near, and a key is nearest to itself', () => {
  const names = KEYS.map(({ name }) => name);
  for (const name of names) expect(nearestKey(name, names)).toBe(name);
  expect(nearestKey('nodename', names)).toBe('node-name');
  expect(nearestKey('image', names)).toBeUndefined();
  expect(nearestKey('x'.repeat(100_000), names)).toBeUndefined();
  fc.assert(
    fc.property(fc.string(), (word) => {
      const nearest = nearestKey(word, names);
      if (nearest === undefined) return;
      expect(names).toContain(nearest);
      expect(Math.abs(nearest.length - word.length)).toBeLessThanOrEqual(3);
    }),
  );
  expect(variableOf('tls-san')).toBe('SKERRY_TLS_SAN');
});
