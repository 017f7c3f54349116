import { expect, test } from 'vitest';
import { isChanged, specHash } from './spec-hash.ts';

test('the hash of version 1 is of name and image alone, and the same in every release', () => {
  const hash = specHash({ name: 'app', image: 'nginx:1' });
  // Recorded: a release that computes another value would restart every container there is.
  expect(hash).toBe('1:df4d9faf76b4b12d');
  expect(specHash({ name: 'app', image: 'nginx:1', command: ['x'], terminationMessagePath: '/dev/termination-log' })).toBe(hash);
  expect(specHash({ name: 'app', image: 'nginx:2' })).not.toBe(hash);
  expect(isChanged({ name: 'app', image: 'nginx:1' }, hash)).toBe(false);
  expect(isChanged({ name: 'app', image: 'nginx:2' }, hash)).toBe(true);
});

test('a hash of another version, or none, says nothing', () => {
  for (const hash of ['', '2:0', 'x:1', '1']) expect(isChanged({ name: 'app', image: 'nginx:2' }, hash)).toBe(false);
});
