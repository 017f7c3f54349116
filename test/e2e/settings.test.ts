import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** A node that has everything from its file of settings: it joins by a token file, which goes, and tells of keys that nobody knows. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
});
afterAll(() => world.lab.remove());

test('a node joins by its file of settings alone, and tells of what nobody knows in it', async () => {
  const host = firstNode(world);
  const folder = join(host.disk, 'etc');
  const [config, token] = [join(folder, 'config.yaml'), join(folder, 'token')];
  mkdirSync(folder);
  const settings = (...more: readonly string[]) =>
    writeFileSync(
      config,
      [
        `data-dir: ${join(host.disk, 'skerry')}`,
        `server: ${world.lab.serverUrl}`,
        `token-file: ${token}`,
        'node-name: by-file',
        `node-ip: ${host.address}`,
        'docker: unix:///run/docker.sock',
        'labels: { site: harbour, rack: 007 }',
        'no-agent: false',
        ...more,
      ].join('\n'),
      { mode: 0o600 },
    );
  settings('kepalive: 5s');
  writeFileSync(token, `${await world.lab.createToken()}\n`, { mode: 0o600 });
  await host.boot({ engine: true });
  const start = () => host.launch('agent', ['env', 'SKERRY_KEEPALIVE=5s', PROGRAM, 'agent', '--config', config]);
  const told = `${config}:9: unknown key "kepalive": did you mean "keepalive"?`;
  let running = start();
  await waitForNode(world, 'by-file', 'True');
  await waitFor('the token file to be gone', () => (existsSync(token) ? undefined : true));
  expect(existsSync(join(host.disk, 'skerry', 'agent', 'identity.json'))).toBe(true);
  expect(await world.logged(host, 'agent', 'is unknown')).toContain(JSON.stringify(told).slice(1, -1));
  const condition = async () => {
    const path = '{range .status.conditions[?(@.type=="ConfigOK")]}{.status} {.reason} {.message}{end}';
    return world.kubectl('get', 'node', 'by-file', '-o', `jsonpath=${path}`);
  };
  expect(await condition()).toBe(`False UnknownKeys ${told}`);
  expect(await world.kubectl('get', 'node', 'by-file', '--show-labels')).toMatch(/rack=007,site=harbour/);

  // Mended, with no token any more.
  await host.end(running, 'SIGTERM');
  settings('keepalive: 5s');
  running = start();
  await waitFor('the condition to turn', async () => ((await condition()).startsWith('True KeysKnown ') ? true : undefined));
  await host.end(running, 'SIGTERM');

  settings('keepalive: never');
  await expect(host.exec(PROGRAM, 'agent', '--config', config)).rejects.toThrow(
    `${config}:9: keepalive "never": Use a number with a unit`,
  );
});
