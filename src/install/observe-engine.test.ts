import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observeEngine, throughLinks } from './observe-engine.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'observe-engine-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const seen = () =>
  observeEngine(
    root,
    { there: true, asked: false, coming: false, ours: true },
    { run: () => Promise.reject(new Error('nothing runs here')), askEngine: () => Promise.reject(new Error('no engine')) },
    new AbortController().signal,
  );

test('a swarm is seen where a flag names its folder', async () => {
  put('srv/docker/swarm/docker-state.json', '{}');
  expect((await seen()).decision.type).toBe('write');
  put('etc/systemd/system/docker.service', '[Service]\nExecStart=/usr/bin/dockerd --data-root /srv/docker\n');
  expect((await seen()).decision).toMatchObject({ type: 'refuse', reason: expect.stringContaining('swarm') });
});

test('settings that are a link are those that it stands for, within the system', async () => {
  put('data/daemon.json', '{"debug": true}');
  mkdirSync(join(root, 'etc/docker'), { recursive: true });
  symlinkSync('../../data/daemon.json', join(root, 'etc/docker/second.json'));
  symlinkSync('/etc/docker/second.json', join(root, 'etc/docker/daemon.json'));
  expect(await seen()).toMatchObject({
    path: '/etc/docker/daemon.json',
    file: join(root, 'data/daemon.json'),
    text: '{"debug": true}',
    decision: { type: 'write', made: false },
  });
  rmSync(join(root, 'data'), { recursive: true });
  expect(await seen()).toMatchObject({ file: join(root, 'data/daemon.json'), text: undefined, decision: { made: true } });
  symlinkSync('loop', join(root, 'loop'));
  expect(throughLinks(join(root, 'loop'), root)).toBe(join(root, 'loop'));
});
