import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import { CONFIG, UNITS, startStickMachine, type StickMachine } from '../support/stick-machine.ts';

/** The executable installs itself as an agent: it joins, runs a pod, outlives its engine, and is gone again with all that is its own. */
let machine: StickMachine;

beforeAll(async () => {
  machine = await startStickMachine();
}, 600_000);
afterAll(() => machine?.remove());

const OTHER = '/srv/other';

test('an agent joins with a token that is nowhere to be found afterwards, and runs a pod', async () => {
  await machine.must('docker', 'load', '-i', '/stick/image.tar');
  await machine.must('docker', 'run', '-d', '--name', 'strangers', 'demo/sleep:1');
  const serve = ['/stick/skerry', 'server', '--no-agent', '--data-dir', OTHER, '--listen', '127.0.0.1:7443'];
  await machine.must('systemd-run', '--unit=other-server', ...serve);
  const token = await waitFor('a token', () => machine.must('/stick/skerry', 'token', 'create', '--data-dir', OTHER));
  writeFileSync(machine.inside('/root/token'), token);
  const incomplete = await machine.installScript('agent', '--server', 'https://127.0.0.1:7443');
  expect([incomplete.code, incomplete.stderr]).toEqual([2, expect.stringContaining('it needs --token-file FILE')]);

  // One that is not known there, of the right cluster: said in one sentence, with what to do.
  const [head = '', hash = ''] = token.trim().split('.');
  writeFileSync(machine.inside('/root/wrong'), `${head}.${hash}.bcdfghjk.${'x'.repeat(32)}`, { mode: 0o600 });
  const unknown = await machine.installScript('agent', '--server', 'https://127.0.0.1:7443', '--token-file', '/root/wrong');
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringMatching(
      /skerry: start skerry-agent\.service: it failed; it said last:\n {2}skerry: [^\n{]*not known here[^\n]*run the same line again with it\n$/,
    ),
  ]);
  const { code, stdout, stderr } = await machine.run(
    'env',
    'SKERRY_TOKEN_FILE=/root/token',
    'SKERRY_NODE_NAME=board',
    'sh',
    '/stick/install.sh',
    'agent',
    '--server',
    'https://127.0.0.1:7443',
    '--offline',
    '/stick',
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('write /var/lib/skerry/join-token')]);
  expect(stdout).toContain('\nthis machine is node board of the cluster at https://127.0.0.1:7443\n');
  await waitFor(
    'the node to be ready',
    async () =>
      (await machine.kube(OTHER, 'get', 'node', 'board', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')) ===
      'True',
  );
  expect(existsSync(machine.inside('/var/lib/skerry/join-token'))).toBe(false);
  const secret = token.trim().split('.').at(-1) ?? '';
  const shown = await machine.must('systemctl', 'show', 'skerry-agent');
  const argv = await machine.must(
    'cat',
    `/proc/${await machine.mainPid('agent')}/cmdline`,
    `/proc/${await machine.mainPid('agent')}/environ`,
  );
  for (const text of [machine.textOf(CONFIG), shown, argv, machine.textOf(`${UNITS}/skerry-agent.service`)])
    expect(text).not.toContain(secret);
  expect(shown).toMatch(/^MemoryHigh=67108864$/m);
  expect(argv).toMatch(/agent\0--node-options=--max-semi-space-size=2 --max-old-space-size=256\0[^]*\0MALLOC_ARENA_MAX=1\0/);

  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sleep' },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'demo/sleep:1' }] },
  };
  writeFileSync(machine.inside('/root/pod.json'), JSON.stringify(pod));
  await machine.kube(OTHER, 'create', '-f', '/root/pod.json');
  await machine.kube(OTHER, 'wait', 'pod/sleep', '--for=condition=Ready', '--timeout=60s');
});

const ours = () => machine.must('docker', 'ps', '-q', '--no-trunc', '--filter', 'label=io.skerry.node');

test('the same token again changes nothing; a restart of the agent leaves its containers as they are', async () => {
  const before = await ours();
  expect(before.split('\n')).toHaveLength(3);
  const again = await machine.installScript('agent', '--token-file', '/root/token');
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('nothing to do')]);
  await machine.must('systemctl', 'restart', 'skerry-agent');
  expect(await ours()).toBe(before);
});

test('an engine that systemd has given up is started again by the agent as soon as it can be', async () => {
  const isDocker = async (state: string) => (await machine.run('systemctl', 'is-active', 'docker')).stdout === `${state}\n`;
  const [before, settings] = [await ours(), machine.textOf('/etc/docker/daemon.json')];
  writeFileSync(machine.inside('/etc/docker/daemon.json'), '{"no-such-setting": true}\n');
  await machine.must('sh', '-c', 'kill -KILL "$(cat /run/docker.pid)"');
  await waitFor('systemd to give it up', () => isDocker('failed'), 60_000);
  writeFileSync(machine.inside('/etc/docker/daemon.json'), settings);
  await waitFor('the engine', () => isDocker('active'), 240_000);
  expect(await ours()).toBe(before);
}, 360_000);

test('a node becomes no server by the way: nothing is changed, and it is told how to leave its cluster', async () => {
  const before = [await machine.mainPid('agent'), machine.textOf(CONFIG), await ours()];
  // Also where the server is to have its data elsewhere.
  for (const flags of [[], ['--data-dir', '/srv/new']]) {
    const { code, stdout, stderr } = await machine.skerry('install', 'server', '--no-agent', ...flags);
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      expect.stringMatching(/this machine is node board of the cluster at https:\/\/127\.0\.0\.1:7443 .*skerry reset`/),
    ]);
  }
  expect([await machine.mainPid('agent'), machine.textOf(CONFIG), await ours()]).toEqual(before);
  expect(readdirSync(machine.inside(UNITS)).filter((name) => name.startsWith('skerry'))).toEqual(['skerry-agent.service']);
});

test('uninstalled, a node leaves nothing of its own, and all of what is not', async () => {
  // All of it is there before.
  expect(await machine.must('ip', '-o', 'link')).toMatch(/: skr/);
  expect(await machine.must('ip', '-4', 'route')).toMatch(/dev skr/);
  expect(await machine.must('nft', 'list', 'tables')).toContain('skerry');
  const { code, stdout } = await machine.skerry('uninstall', '--purge', '--yes');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/removed 2 containers of 1 pod\n/)]);
  expect(await machine.must('docker', 'ps', '-a', '--format', '{{.Names}} {{.State}}')).toBe('strangers running\n');
  const links = await machine.must('ip', '-o', 'link');
  expect(links).not.toMatch(/: skr/);
  expect(await machine.must('nft', 'list', 'ruleset')).not.toContain('skerry');
  expect(await machine.must('ip', '-4', 'route')).not.toMatch(/dev skr/);
  await machine.must('systemctl', 'stop', 'other-server');
});
