import { expect, test } from 'vitest';
import { parseManifests } from './parse-manifests.ts';

const json = (name: string) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '}{"]\\' } }, null, 2);
const yaml = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

test.each([
  ['one of JSON', json('a'), 'a'],
  ['one after the other, as -o json writes them', `${json('a')}\n${json('b')}${json('c')}\n`, 'a b c'],
  ['a List', `{"apiVersion":"v1","kind":"List","items":[${json('a')},${json('b')}]}`, 'a b'],
  ['documents of YAML', `# first\n---\n${yaml('a')}---\r\n---\n${yaml('b')}...\n`, 'a b'],
  ['documents of JSON in YAML', `${json('a')}\n---\n${json('b')}`, 'a b'],
  ['flow style', '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}', 'a'],
  ['with the mark of its encoding', `\ufeff${yaml('a')}`, 'a'],
  ['separators within a text', `${yaml('a')}data:\n  b: |\n    ---\n    c\n`, 'a'],
  ['nothing', '', ''],
])('%s', async (_, text, names) => {
  const { manifests, failures } = await parseManifests(text, 'file');
  expect([manifests.map(({ name }) => name).join(' '), failures]).toEqual([names, []]);
});

test.each([
  ['hello', 'it holds no object'],
  ['{"apiVersion":"v1"', 'read file: '],
  [`${json('a')}\n{"kind":`, 'read file: '],
  ['{}', "Object 'Kind' is missing"],
  ['kind: ConfigMap\n', "Object 'apiVersion' is missing"],
])('%s is told of', async (text, why) => {
  const { failures } = await parseManifests(text, 'file');
  expect(failures.map(({ message }) => message).join()).toContain(why);
});
