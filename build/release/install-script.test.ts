import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { flagsIn, installScript, type ReleaseFacts } from './install-script.ts';

const template = readFileSync('scripts/install.sh', 'utf8');
const pem = (type: 'ed25519' | 'x25519') =>
  (type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519')).publicKey
    .export({ type: 'spki', format: 'pem' })
    .toString();

const FACTS: ReleaseFacts = {
  version: '1.2.3-rc.1+b7',
  baseUrl: 'https://example.org/skerry/1.2.3/',
  packed: { x64: 'a'.repeat(64), arm64: 'b'.repeat(64) },
  program: { x64: 'c'.repeat(64), arm64: 'd'.repeat(64) },
  flags: { server: ['--listen', '--help'], agent: ['--server'] },
  publicKey: pem('ed25519'),
};

test('every fact gets in, and nothing is left open', () => {
  const script = installScript(template, FACTS);
  expect(script).not.toMatch(/@[A-Z]/);
  expect(script).toContain("baked_url='https://example.org/skerry/1.2.3'\n");
  expect(script).toContain(`public_key='${FACTS.publicKey.trim()}'\n`);
  expect(script).toContain(`program-arm64) printf '%s' '${'d'.repeat(64)}'`);
});

const sh = (input: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-s', '-', ...args], { input, encoding: 'utf8' });
  return { status, stdout, stderr };
};

test('flags are those that the help of a verb lists', () => {
  const help = `Options:\n  --token <token>  other than\n                   --token-file\n  -h, --help       help\n\nExamples:\n  skerry --no x\n`;
  expect(flagsIn(help)).toEqual(['--token', '--help']);
});

test('before anything is looked at or fetched, help is given and slips of the pen are told', () => {
  const script = installScript(template, FACTS);
  for (const args of [['--help'], ['-h'], ['server', '--help']])
    expect(sh(script, ...args)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/usage: [^]*of agent: --server\n/),
      stderr: '',
    });
  for (const word of ['--lisen', '--lisen=1', '--lis', '--server'])
    expect(sh(script, 'server', '--listen', '1', word)).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(`server has no flag ${word.split('=')[0] ?? ''}; it has: --listen --help\n`),
    });
});

test('a script that was cut short does nothing, wherever it was cut', () => {
  const script = installScript(template, FACTS);
  const end = script.lastIndexOf('}');
  expect(script.slice(end)).toBe('}\n');
  // Every fiftieth byte, behind each word that a line begins with, and each of the last ones.
  const words = new Set(
    [...script.matchAll(/^[a-z]+/gm)].flatMap(({ index, 0: word }) =>
      Array.from({ length: word.length }, (_, at) => index + at + 1),
    ),
  );
  const cuts = Array.from({ length: end }, (_, index) => index).filter((at) => at % 50 === 0 || words.has(at) || at > end - 40);
  for (const cut of cuts) {
    const { stdout, stderr } = sh(script.slice(0, cut));
    expect([cut, stdout, stderr.includes('usage: install.sh')]).toEqual([cut, '', false]);
  }
  // Run without arguments a whole script says how it is used.
  expect(sh(script).stderr).toContain('usage: install.sh');
  expect(sh(script, 'servre').status).toBe(2);
});

test.each([
  ['a version', { version: "1'; reboot; '" }],
  ['a URL', { baseUrl: "https://example.org/'$(reboot)" }],
  ['a sum', { packed: { x64: 'a', arm64: 'b' } }],
  ['a flag', { flags: { server: ['--a'], agent: ["--b'"] } }],
  ['a key', { publicKey: pem('x25519') }],
])('%s that can be none is refused', (_, wrong) => {
  expect(() => installScript(template, { ...FACTS, ...wrong })).toThrow(/can not be|Ed25519/);
});

test('a template with other places is refused', () => {
  expect(() => installScript(`${template}@OTHER@`, FACTS)).toThrow('@OTHER@');
  expect(() => installScript('@VERSION@', FACTS)).toThrow('no place for URL');
});
