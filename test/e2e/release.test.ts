import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { buildImage } from '../../scripts/lab/images.ts';
import { createLan, freeLanId, type Lan } from '../../scripts/lab/network.ts';
import { boot, type BootedRoot } from '../support/booted-root.ts';
import { kubectl } from '../support/kubectl.ts';
import { serveRelease, type ReleaseServer } from '../support/release-world.ts';
import { createRoot, debsFor, type Root } from '../support/root.ts';

/**
 * All that a stranger does, from the folders that `npm run release` makes and nothing else, on three Debians that have been booted and have an engine: one
 * line makes a server, one line each makes two nodes of it, kubectl deploys, all are upgraded, one is uninstalled.
 */
const VERSIONS = ['0.1.0', '0.2.0'] as const;
const NAMES = ['server', 'board-1', 'board-2'] as const;
type Name = (typeof NAMES)[number];

let folder: string;
let id: string;
let lan: Lan;
let releases: ReleaseServer;
let kubeconfig: string;
const roots = new Map<Name, Root>();
const machines = new Map<Name, BootedRoot>();

const machine = (name: Name) => machines.get(name) as BootedRoot;
const address = (name: Name) => lan.addressOf(NAMES.indexOf(name) + 1);
const networkOf = (name: Name) => `sk${id}-${name}`;
const kube = (...args: readonly string[]) => run(kubectl('1.36'), ['--kubeconfig', kubeconfig, ...args]);
/** As the README's first line. */
const oneLine = (name: Name, version: string, ...args: readonly string[]) =>
  machine(name).must('sh', '-c', 'curl -sSfL "$0/install.sh" | sh -s - "$@"', `${releases.url}/${version}`, ...args);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'release-'));
  id = freeLanId(process.pid);
  lan = await createLan(id);
  releases = await serveRelease(join(folder, 'www'), lan.address);
  writeFileSync(join(folder, 'key.pem'), generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await Promise.all(VERSIONS.map(release));
  const image = await buildImage(folder, { reference: 'demo/sleep:1', command: ['sleep', '10000'] });
  // What a Debian with an engine has, but for these, which it would fetch from its distribution.
  await run('cp', ['-r', await debsFor('booted', ['iproute2', 'nftables']), join(folder, 'stick')]);
  await run('cp', ['-L', image, join(folder, 'stick/image.tar')]);
  for (const name of NAMES) await start(name);
}, 600_000);

function release(version: string): Promise<string> {
  const options = {
    'base-url': `${releases.url}/${version}`,
    version,
    key: join(folder, 'key.pem'),
    output: join(folder, 'www', version),
  };
  return run(process.execPath, ['build/release.ts', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])]);
}

async function start(name: Name): Promise<void> {
  const root = await createRoot('booted');
  roots.set(name, root);
  writeFileSync(join(root.folder, 'etc/hostname'), `${name}\n`);
  const booted = await boot(root, { '/stick': join(folder, 'stick') });
  machines.set(name, booted);
  await run('ip', ['netns', 'attach', networkOf(name), String(booted.pid)]);
  await lan.plug(NAMES.indexOf(name) + 1, networkOf(name));
  await booted.must('sh', '-c', 'dpkg -i /stick/*.deb && docker load -i /stick/image.tar');
}

afterAll(async () => {
  for (const name of NAMES) {
    await machines.get(name)?.cut();
    roots.get(name)?.remove();
    await run('ip', ['netns', 'del', networkOf(name)]).catch(() => undefined);
  }
  await releases?.stop();
  await lan?.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('these machines have neither Node nor a checkout', async () => {
  for (const name of NAMES) expect(await machine(name).run('sh', '-c', 'command -v node npm git')).toMatchObject({ stdout: '' });
});

test('one line makes a server, one line each makes two nodes of it', async () => {
  const said = await oneLine('server', '0.1.0', 'server', '--node-ip', address('server'));
  expect(said).toContain('skerry token create');
  kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    await machine('server').must('skerry', 'kubeconfig', '--server', `https://${address('server')}:6443`),
    { mode: 0o600 },
  );
  for (const name of ['board-1', 'board-2'] as const) {
    const token = await machine('server').must('skerry', 'token', 'create');
    writeFileSync(join(roots.get(name)?.folder ?? '', 'root/token'), token, { mode: 0o600 });
    const flags = ['--server', `https://${address('server')}:6443`, '--token-file', '/root/token', '--node-ip', address(name)];
    await oneLine(name, '0.1.0', 'agent', ...flags);
  }
  await kube('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=60s');
  expect(
    (await kube('get', 'nodes', '-o', 'name'))
      .split('\n')
      .filter((line) => line !== '')
      .toSorted(),
  ).toEqual(NAMES.map((name) => `node/${name}`).toSorted());
});

test('kubectl deploys to all three', async () => {
  const file = join(folder, 'daemon-set.json');
  writeFileSync(file, JSON.stringify(daemonSet()));
  await kube('apply', '-f', file);
  await kube('rollout', 'status', 'daemonset/everywhere', '--timeout=60s');
  expect(await machine('board-1').must('docker', 'ps', '--format', '{{.Image}}')).toContain('demo/sleep:1');
  // A board without kubectl has the same from its server, which this one is.
  expect(await machine('server').must('skerry', 'get', 'pods', '-o', 'wide')).toMatch(
    /^NAME .*\n(everywhere-\w+ +1\/1 +Running .*\n){3}$/,
  );
});

/** Ids and times of start. */
const containersOf = async (name: Name) => {
  const ids = (await machine(name).must('docker', 'ps', '-q', '--no-trunc', '--filter', 'label=io.skerry.node'))
    .split('\n')
    .filter((id) => id !== '');
  return machine(name).must('docker', 'inspect', '--format', '{{.Id}} {{.State.StartedAt}}', ...ids);
};

test('all are upgraded, and their containers notice nothing', async () => {
  for (const name of NAMES) {
    const before = await containersOf(name);
    expect(before.trim().split('\n')).toHaveLength(2);
    const said = await machine(name).must('skerry', 'upgrade', '--from', `${releases.url}/0.2.0`);
    expect(said).toBe('upgraded from 0.1.0 to 0.2.0: it is healthy and stays\n');
    expect(await machine(name).must('skerry', 'version')).toBe('skerry 0.2.0\n');
    expect(await containersOf(name)).toBe(before);
  }
  await waitFor('the nodes to say so', async () => (await kube('get', 'nodes')).match(/0\.2\.0/g)?.length === 3 || undefined);
});

test('a node that is reset stays off at the next boot, until it is installed with a new token', async () => {
  const board = machine('board-2');
  const isOn = async () => (await board.run('systemctl', 'is-enabled', 'skerry-agent')).stdout.trim();
  const reset = async () => {
    await board.must('systemctl', 'stop', 'skerry-agent');
    return board.must('skerry', 'reset', '--yes');
  };
  // Its systemd would keep each pod's until the next boot.
  const slices = () => board.must('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'skerry-pod*.slice');
  expect(await slices()).toContain('skerry-pod');
  const said = await reset();
  expect(await slices()).toBe('');
  expect([await isOn(), said]).toEqual([
    'disabled',
    expect.stringMatching(
      /skerry-agent\.service is stopped.*\n.*join anew.*: skerry install agent --server URL --token-file FILE\n$/,
    ),
  ]);
  const token = await machine('server').must('skerry', 'token', 'create');
  writeFileSync(join(roots.get('board-2')?.folder ?? '', 'root/token'), token, { mode: 0o600 });
  await board.must('skerry', 'install', 'agent', '--token-file', '/root/token');
  expect(await isOn()).toBe('enabled');
  await kube('wait', 'node/board-2', '--for=condition=Ready', '--timeout=60s');
  await reset();
});

test('a node is uninstalled and leaves nothing of it, the others go on', async () => {
  // It has left its cluster before.
  expect(await machine('board-2').must('skerry', 'uninstall', '--purge', '--yes')).not.toContain('remains');
  expect(await machine('board-2').must('docker', 'ps', '-aq')).toBe('');
  expect(
    await machine('board-2').run('sh', '-c', 'ls -d /usr/local/lib/skerry /usr/local/bin/skerry /etc/skerry /var/lib/skerry'),
  ).toMatchObject({ stdout: '' });
  await waitFor('the node to be gone', async () => !(await kube('get', 'nodes', '-o', 'name')).includes('board-2') || undefined);
  await machine('server').must('skerry', 'uninstall', '--purge', '--yes');
  expect(await machine('board-1').must('docker', 'ps', '--format', '{{.Image}}')).toContain('demo/sleep:1');
  expect(await machine('board-1').must('skerry', 'uninstall')).toMatch(
    /Node board-1 remains in its cluster: `kubectl delete node board-1` on the server removes it/,
  );
});

function daemonSet() {
  const labels = { app: 'everywhere' };
  const containers = [{ name: 'app', image: 'demo/sleep:1' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'everywhere', namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers } },
    },
  };
}
