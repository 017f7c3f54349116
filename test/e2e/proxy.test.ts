import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGES, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { SOCKET, dataDir } from '../support/edge-world.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** A node in a network that lets nothing out but through an HTTP proxy, a real one, which alone knows the server's name. */
const LOGIN = 'me:s3cret';
const SERVER = 'https://hub.test:6443';

let world: LabWorld;
let proxy: ReturnType<typeof startProxy>;
const edge = () => firstNode(world);
const proxyHost = () => `${world.lab.server.address}:3128`;
const proxyUrl = (login = LOGIN) => `http://${login}@${proxyHost()}`;

function startProxy() {
  const { server } = world.lab;
  const config = join(server.disk, 'tinyproxy.conf');
  writeFileSync(config, `Port 3128\nTimeout 600\nMaxClients 20\nConnectPort 6443\nBasicAuth ${LOGIN.replace(':', ' ')}\n`);
  return server.launch('tinyproxy', ['tinyproxy', '-d', '-c', config]);
}

beforeAll(async () => {
  world = await startLabWorld(1);
  const { server } = world.lab;
  const hosts = join(server.disk, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost\n${server.address} hub.test\n`);
  await server.exec('mount', '--bind', hosts, '/etc/hosts');
  proxy = startProxy();
  await edge().boot({ engine: true });
  const rules = [
    'add table ip out',
    'add chain ip out o { type filter hook output priority 0; }',
    `add rule ip out o oifname eth0 ip daddr ${server.address} tcp dport 3128 accept`,
    'add rule ip out o oifname eth0 reject',
  ];
  await edge().exec('nft', rules.join('; '));
});
afterAll(() => world?.lab.remove());

async function skerryOnEdge(environment: readonly string[], ...argv: readonly string[]): Promise<string> {
  const words = ['timeout', '60', 'env', ...environment, PROGRAM, ...argv].map((word) => `'${word}'`).join(' ');
  return edge().exec('/bin/sh', '-c', `${words} 2>&1; true`);
}

const serverCheck = async (environment: readonly string[], ...flags: readonly string[]) => {
  const text = await skerryOnEdge(environment, 'doctor', '--data-dir', dataDir(edge()), ...SOCKET, '-o', 'json', ...flags);
  const { findings } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    readonly findings: readonly {
      readonly check: string;
      readonly status: string;
      readonly message: string;
      readonly advice?: string;
    }[];
  };
  const { status, message, advice = '' } = findings.find(({ check }) => check === 'server') ?? { status: '', message: '' };
  return `${status}: ${message} → ${advice}`;
};

test('before the join the doctor says that the proxy is needed, and how it is written down', async () => {
  expect(await serverCheck([], '--server', SERVER)).toMatch(/^error: the server's name can not be resolved/);
  const needed = await serverCheck([`HTTPS_PROXY=${proxyUrl()}`], '--server', SERVER);
  expect(needed).toMatch(
    /^error: hub\.test:6443 can be reached through the proxy \S+:3128 only.* → .*proxy: http:\/\/USER:PASSWORD@\S+:3128 /s,
  );
  expect(needed).not.toContain('s3cret');
  expect(await serverCheck([], '--server', SERVER, '--proxy', proxyUrl())).toMatch(
    /^ok: hub\.test:6443 through the proxy \S+:3128, as the settings say, answers: TCP .*TLS/,
  );
  expect(await serverCheck([], '--server', SERVER, '--proxy', proxyUrl('me:wrong'))).toMatch(
    /^error: .*it answers HTTP 401 .*wants a user and a password/,
  );
});

test('join, link, logs and the API for pods go by it, and by nothing else', async () => {
  const { lab } = world;
  await lab.loadImages(edge(), IMAGES);
  lab.startAgent(edge(), '--server', SERVER, '--token', await lab.createToken(), '--proxy', proxyUrl());
  await waitForNode(world, edge().name, 'True');
  await world.create(deployment('web', 1));
  await world.kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s');
  expect(await world.kubectl('logs', 'deployment/web')).toContain('web version 1 here');
  expect(await edge().exec('curl', '-sSk', '-m', '10', 'https://10.96.0.1/version')).toContain('gitVersion');
  expect(await serverCheck([], '--proxy', proxyUrl())).toMatch(
    /^ok: hub\.test:6443 through the proxy .*with the key that was pinned/,
  );
  expect(readFileSync(edge().logFile('agent'), 'utf8')).not.toContain('s3cret');
});

test('without the proxy pods run on and the API is refused at once; the link comes back with it', async () => {
  const running = async () => (await appContainers(edge())).map(({ id }) => id);
  const before = await running();
  await world.lab.server.end(proxy, 'SIGKILL');
  await waitForNode(world, edge().name, 'Unknown');
  await waitFor('the API to be refused at once', async () => {
    const code = await edge().exec('/bin/sh', '-c', 'curl -sk -m 2 https://10.96.0.1/version >&2; echo $?');
    return code.trim() === '7' ? true : undefined;
  });
  proxy = startProxy();
  await waitForNode(world, edge().name, 'True');
  expect(await running()).toEqual(before);
  expect(before).toHaveLength(1);
  await waitFor('the API to answer', async () => {
    const said = await edge().exec('/bin/sh', '-c', 'curl -sk -m 2 https://10.96.0.1/version || true');
    return said.includes('gitVersion') ? true : undefined;
  });
});

test('what the settings name is gone by: at a start, by the doctor, and when a reset tells the server', async () => {
  const config = join(edge().disk, 'config.yaml');
  writeFileSync(config, `data-dir: ${dataDir(edge())}\ndocker: unix:///run/docker.sock\nproxy: ${proxyUrl()}\n`, { mode: 0o600 });
  const settings = [`SKERRY_CONFIG=${config}`];
  await world.lab.stopAgent(edge());
  await waitForNode(world, edge().name, 'Unknown');
  // What the environment names is none of a node's.
  const variables = ['HTTPS_PROXY=http://127.0.0.1:9', ...settings];
  const agent = edge().launch('by-settings', ['env', ...variables, PROGRAM, 'agent']);
  await waitForNode(world, edge().name, 'True');
  expect(await serverCheck(settings)).toMatch(/^ok: hub\.test:6443 through the proxy .*with the key that was pinned/);
  await edge().end(agent, 'SIGTERM');
  expect(await skerryOnEdge(settings, 'reset', '--yes')).toContain('the server has removed node edge-1');
  expect(await world.kubectl('get', 'nodes', '-o', 'name')).toBe('');
});
