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
  for (const text of ['', 'Nginx', 'a b', '/nginx', 'nginx:', 'nginx:a b', 'reg.lan/App', 'nginx@sha256:short']) {
    expect([text, parseReference(text)]).toEqual([text, undefined]);
  }
});
