import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalizeReference, parseReference } from './reference.ts';

function checkNormalized(text: string, expected: string): void {
  expect(normalizeReference(text)).toBe(expected);
}

const DIGEST = `sha256:${'a'.repeat(64)}`;

test('references are one text however they are written', () => {
  checkNormalized('nginx', 'docker.io/library/nginx:latest');
  checkNormalized('nginx:1.27', 'docker.io/library/nginx:1.27');
  checkNormalized('docker.io/nginx', 'docker.io/library/nginx:latest');
  checkNormalized('index.docker.io/library/nginx', 'docker.io/library/nginx:latest');
  checkNormalized('grafana/grafana:11', 'docker.io/grafana/grafana:11');
  checkNormalized('ghcr.io/org/app:v1', 'ghcr.io/org/app:v1');
  checkNormalized('localhost/app', 'localhost/app:latest');
  checkNormalized('registry.lan:5000/app', 'registry.lan:5000/app:latest');
  checkNormalized('127.0.0.1:5000/a/b_c/d-e:x.y', '127.0.0.1:5000/a/b_c/d-e:x.y');
  checkNormalized(`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`);
  checkNormalized(`nginx:1.27@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`);
  checkNormalized(DIGEST, DIGEST);
});

test('what is no reference is told apart', () => {
  const none = ['', 'Nginx', 'a b', '/nginx', 'nginx:', 'nginx:a b', 'reg.lan/App', 'nginx@sha256:short', 'a//b', 'a/', 'a..b'];
  const odd = [
    'a:b:c',
    `a@${DIGEST}@${DIGEST}`,
    '-a',
    'a-',
    '-x.lan/a',
    'reg.lan:/a',
    'reg.lan:port/a',
    'a'.repeat(64),
    `${'a'.repeat(256)}`,
  ];
  for (const text of [...none, ...odd]) expect([text, parseReference(text)]).toEqual([text, undefined]);
});

test('what is as good as one is', () => {
  checkNormalized('a__b/c--d.e', 'docker.io/a__b/c--d.e:latest');
  checkNormalized('Reg/app', 'Reg/app:latest');
  checkNormalized('[2001:db8::1]:5000/app', '[2001:db8::1]:5000/app:latest');
});

test('no text takes long to be told apart', () => {
  const pieces = fc.array(fc.constantFrom('a', 'A', '0', '.', '-', '_', '/', ':', '@', '[', ' '), { maxLength: 60 });
  const repeated = fc.tuple(pieces, fc.integer({ min: 1, max: 200 })).map(([some, times]) => `${some.join('').repeat(times)}!`);
  const startMs = performance.now();
  fc.assert(
    fc.property(repeated, (text) => {
      expect(parseReference(text)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
  expect(performance.now() - startMs).toBeLessThan(5_000);
});
