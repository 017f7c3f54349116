import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeParts } from './node-parts.ts';

const LICENCE = readFileSync(join(process.execPath, '../../LICENSE'), 'utf8');
const { node } = process.versions;

test('the Node that is packed has no part that is not known', () => {
  const parts = nodeParts(LICENCE, process.versions, node);
  const names = parts.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['amaro', 'hdrhistogram', 'openssl', 'sqlite', 'swc', 'v8']));
  expect(names).not.toContain('npm');
  expect(parts.find(({ name }) => name === 'openssl')?.version).toBe(process.versions.openssl);
  expect(parts.find(({ name }) => name === 'swc')?.version).toBe(node);
});

test('what the next Node brings does not go unnoticed', () => {
  const more = '- turbo, located at deps/turbo, is licensed as follows:\n';
  expect(() => nodeParts(`${LICENCE}\n${more}`, process.versions, node)).toThrow('turbo');
  expect(() => nodeParts(LICENCE, { ...process.versions, turbo: '1.0' }, node)).toThrow('turbo');
  expect(() => nodeParts('Other words', process.versions, node)).toThrow('its form has changed');
});
