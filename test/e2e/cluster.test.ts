import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { containers } from '../../scripts/lab/engine.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { kubectl } from '../support/kubectl.ts';
import { loadBusybox } from '../support/engine.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** How machines come into the cluster, take a place in it and leave it, and what is left on them. In the order of one machine's life. */
let world: LabWorld;
let host: Host;

beforeAll(async () => {
  world = await startLabWorld(1);
  host = firstNode(world);
  await world.join(host);
});
afterAll(() => world.lab.remove());

const serverDir = () => join(world.lab.server.disk, 'skerry');
const dataDir = () => join(host.disk, 'skerry');
const onHost = (...argv: readonly string[]) => host.exec(PROGRAM, ...argv, '--data-dir', dataDir());
const node = async (path: string) => world.kubectl('get', 'node', host.name, '-o', `jsonpath={${path}}`);
const reset = (...flags: readonly string[]) => onHost('reset', '--yes', '--docker', 'unix:///run/docker.sock', ...flags);
const failed = async (work: Promise<unknown>) =>
  work.then(
    (text) => Promise.reject(new Error(`it did not fail: ${String(text)}`)),
    (error: Error) => error.message,
  );
const startAgent = (token: string) => world.lab.startAgent(host, '--server', world.lab.serverUrl, '--token', token);
const expectNoRules = async () => {
  const rules = await host.exec('nft', 'list', 'ruleset');
  expect(rules).not.toMatch(/skerry/i);
  expect(rules).toContain('table ip foreign');
};
const podUids = async () => (await appContainers(host)).map(({ labels }) => labels['io.skerry.pod'] ?? '').toSorted();

test('tokens are listed without their secrets, and revoked', async () => {
  const token = await world.lab.createToken('--uses', '3', '--ttl', '2h', '--description', 'boards of the harbour');
  const [, , id = '', secret = ''] = token.split('.');
  const list = async (...flags: readonly string[]) => world.lab.skerry('token', 'list', '--data-dir', serverDir(), ...flags);
  const table = await list();
  expect(table).toMatch(/^ID +USES LEFT +EXPIRES IN +REPLACES +DESCRIPTION\n/);
  expect(table).toMatch(new RegExp(`\n${id} +3 +(119m|120m|2h) +boards of the harbour\n`));
  expect(table).not.toContain(secret);
  // JSON.parse gives any; what is read of it is compared.
  const facts = JSON.parse(await list('-o', 'json')) as readonly { readonly id: string }[];
  expect(facts.find((one) => one.id === id)).toEqual({
    id,
    usesLeft: 3,
    expires: expect.stringMatching(/Z$/),
    expired: false,
    description: 'boards of the harbour',
  });
  const revoke = (which: string) => world.lab.skerry('token', 'revoke', which, '--data-dir', serverDir());
  expect(await revoke(token)).toBe(`token ${id} revoked\n`);
  expect(await list()).not.toContain(id);
  expect(await failed(revoke(id))).toContain('not known here');
});

test('a kubeconfig of a user is that user’s, with their groups, and ends', async () => {
  const make = async (...flags: readonly string[]) => {
    const file = join(world.lab.root, `${flags[1] ?? 'admin'}.kubeconfig`);
    writeFileSync(file, await world.lab.skerry('kubeconfig', '--data-dir', serverDir(), ...flags));
    return async (...argv: readonly string[]) => run(kubectl('1.36'), ['--kubeconfig', file, ...argv]);
  };
  expect(await (await make())('get', 'nodes', '-o', 'name')).toBe(`node/${host.name}\n`);
  const jane = await make('--user', 'jane', '--group', 'dev');
  expect(await jane('version')).toContain('Server Version');
  expect(await failed(jane('get', 'pods'))).toContain('User "jane" cannot list resource "pods"');
  const root = await make(
    '--user',
    'ada',
    '--group',
    'ops',
    '--group',
    'system:masters',
    '--ttl',
    '8s',
    '--server',
    world.lab.serverUrl,
  );
  expect(await root('get', 'nodes', '-o', 'name')).toBe(`node/${host.name}\n`);
  expect(await failed(make('--user', 'system:node:x'))).toContain('can not begin with system:');
  await waitFor('the certificate to end', async () =>
    (await failed(root('get', 'nodes'))).includes('User "system:anonymous"') ? true : undefined,
  );
  const own = failed(world.lab.skerry('get', 'nodes', '--kubeconfig', join(world.lab.root, 'ada.kubeconfig')));
  expect(await own).toMatch(/"system:anonymous" cannot .*certificate in the kubeconfig was good until/);
  const elsewhere = ['kubeconfig', '--data-dir', serverDir(), '--server', 'https://pier.example:8443'];
  expect(await world.lab.skerry(...elsewhere)).toMatch(/server: "?https:\/\/pier\.example:8443"?\n/);
});

test('a kubeconfig of no use is told to be: an address that the certificate does not name, a user who may do nothing; on an agent none is made', async () => {
  const { server } = world.lab;
  const said = async (...flags: readonly string[]) =>
    server.exec('/bin/sh', '-c', `${[PROGRAM, 'kubeconfig', '--data-dir', serverDir(), ...flags].join(' ')} 2>&1 >/dev/null`);
  expect(await said('--server', 'https://10.9.9.9:6443')).toMatch(
    /Warning: the server's certificate does not name 10\.9\.9\.9, .*--tls-san 10\.9\.9\.9/,
  );
  for (const named of [world.lab.serverUrl, 'https://[::1]:6443', 'https://localhost:6443'])
    expect(await said('--server', named)).not.toContain('Warning');
  expect(await said('--user', 'jane')).toContain('jane may do what roles allow');
  expect(await said('--user', 'jane', '--group', 'system:masters')).not.toContain('what roles allow');
  for (const verb of [['token', 'create'], ['kubeconfig']])
    expect(await failed(onHost(...verb))).toContain("this machine is an agent's: do it on the server");
});

test('a machine that has lost its data has its name back only with a token made for that, and runs its pods again', async () => {
  const volumes = [{ name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
  await world.create(deployment('web', 2, 'demo/web:1', { volumes }));
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  const before = { uid: await node('.metadata.uid'), cidr: await node('.spec.podCIDR'), pods: await podUids() };
  await world.lab.stopAgent(host);
  await host.cutPower();
  renameSync(dataDir(), `${dataDir()}.lost`);
  await host.boot({ engine: true });

  startAgent(await world.lab.createToken());
  const refusal = await world.logged(host, 'agent', 'skerry token create --replace');
  expect(refusal).toContain(`skerry token create --replace ${host.name}`);
  await world.lab.stopAgent(host);

  startAgent(await world.lab.createToken('--replace', host.name));
  await waitForNode(world, host.name, 'True');
  await waitFor(
    'the pods to run again',
    async () => ((await podUids()).join() === before.pods.join() ? true : undefined),
    60_000,
  );
  await world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', 'app=web', '--timeout=60s');
  expect({ uid: await node('.metadata.uid'), cidr: await node('.spec.podCIDR') }).toEqual({ uid: before.uid, cidr: before.cidr });

  // The machine that had the name before, if it still stands somewhere, is nobody now.
  await world.lab.stopAgent(host);
  renameSync(dataDir(), `${dataDir()}.new`);
  renameSync(`${dataDir()}.lost`, dataDir());
  world.lab.startAgent(host);
  await world.logged(host, 'agent', 'the server does not let this node in again');
  await world.lab.stopAgent(host);
  renameSync(dataDir(), `${dataDir()}.lost`);
  renameSync(`${dataDir()}.new`, dataDir());
  const starts = () => readFileSync(host.logFile('agent'), 'utf8').split('agent is running').length;
  const startsBefore = starts();
  world.lab.startAgent(host);
  await waitFor('the agent to run', () => (starts() > startsBefore ? true : undefined));
});

test('pods whose data is removed under them are made anew, and a restart of the agent alone touches none', async () => {
  const ids = async () => (await appContainers(host)).flatMap(({ id, pod }) => (pod.startsWith('web-') ? [id] : [])).toSorted();
  const restarted = async () => {
    await world.lab.stopAgent(host);
    world.lab.startAgent(host);
    // Once it runs a new pod, it has looked at the others.
    await world.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'witness', namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'demo/web:1' }] },
    });
    await world.kubectl('wait', '--for=condition=Ready', 'pod/witness', '--timeout=60s');
    await world.kubectl('delete', 'pod/witness');
    return ids();
  };
  const first = await ids();
  expect(first).toHaveLength(2);
  expect(await restarted()).toEqual(first);

  await world.lab.stopAgent(host);
  // Folders that something is mounted at stay, empty.
  await host.exec('/bin/sh', '-c', `rm -rf ${dataDir()} 2>/dev/null || true`);
  startAgent(await world.lab.createToken('--replace', host.name));
  const second = await waitFor(
    'other containers',
    async () => {
      const now = await ids();
      return now.length === 2 && now.every((id) => !first.includes(id)) ? now : undefined;
    },
    60_000,
  );
  await world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', 'app=web', '--timeout=60s');
  const inside = (id: string, path: string) => run('docker', ['-H', `unix://${host.engineSocket()}`, 'exec', id, 'cat', path]);
  for (const id of second) {
    expect(await inside(id, '/etc/hosts')).toContain('web-');
    expect(await inside(id, '/var/run/secrets/kubernetes.io/serviceaccount/token')).toMatch(/^ey/);
  }
  await waitFor('the event', async () => {
    const events = await world.kubectl('get', 'events', '--field-selector=reason=VolumesLost');
    return /pod\/web-.*started again with new volumes/.test(events);
  });
  expect(await restarted()).toEqual(second);
});

test('a reset is refused while the agent runs, and where the server can not be told', async () => {
  expect(await failed(reset())).toContain('systemctl stop skerry-agent');
  await world.lab.stopAgent(host);
  const why = await failed(reset('--server', 'https://127.0.0.1:1'));
  expect(why).toContain(`kubectl delete node ${host.name}`);
  expect(why).toContain('--force');
  expect(await appContainers(host)).toHaveLength(2);
  expect(existsSync(join(dataDir(), 'agent', 'identity.json'))).toBe(true);
});

test('a reset leaves the cluster and removes what is ours, and nothing else', async () => {
  await loadBusybox(host.engineSocket(), 'foreign:1');
  await host.exec('docker', 'run', '-d', '--name', 'foreign', '--network', 'none', 'foreign:1', 'sleep', '100000');
  await host.exec('nft', 'add', 'table', 'ip', 'foreign');
  const said = await reset();
  // Of memory: each pod's Secret and its account's token.
  expect(said).toMatch(
    /^removed \d containers of 2 pods\nremoved image skerry\/pause:\S+\n[^]*removed nft table skerry\n[^]*removed 4 mounts of memory\n/,
  );
  expect(said).toContain(`node ${host.name} has left its cluster\nthis machine can join anew`);
  expect(said).not.toContain('left the');
  expect((await containers(host.engineSocket())).map(({ name, running }) => [name, running])).toEqual([['foreign', true]]);
  await expectNoRules();
  expect(await host.exec('ip', '-br', 'link')).not.toContain('skr');
  expect(await host.exec('ip', 'route')).not.toMatch(/dev skr/);
  expect(await host.exec('cat', '/proc/self/mountinfo')).not.toContain(`${dataDir()}/agent`);
  expect(existsSync(join(dataDir(), 'agent'))).toBe(false);
  expect(await world.kubectl('get', 'nodes', '-o', 'name')).toBe('');
  await waitFor(
    'its pods to be made anew',
    async () => {
      const pods = await world.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}');
      return pods === '' ? true : undefined;
    },
    90_000,
  );
  expect(await reset()).toContain('no node had joined');
});

test('it joins anew as any machine; offline a reset needs force and tells what stays on the server', async () => {
  startAgent(await world.lab.createToken());
  await waitForNode(world, host.name, 'True');
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await world.lab.stopAgent(host);
  await world.lab.stopServer();
  expect(await failed(reset())).toContain('the server can not be told');
  const said = await reset('--force');
  expect(said).toContain(`the server was not told: on it, run \`kubectl delete node ${host.name}\``);
  expect((await containers(host.engineSocket())).map(({ name }) => name)).toEqual(['foreign']);
  expect(existsSync(join(dataDir(), 'agent'))).toBe(false);
});

test('with the engine away the rest is done, and who the node was is kept until all of it is', async () => {
  await world.lab.startServer();
  await world.kubectl('delete', 'node', host.name);
  startAgent(await world.lab.createToken());
  await waitForNode(world, host.name, 'True');
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await world.lab.stopAgent(host);
  await host.killEngine();
  expect(await failed(reset())).toContain('its key and ledger are kept');
  await expectNoRules();
  expect(await world.kubectl('get', 'nodes', '-o', 'name')).toBe('');
  await host.startEngine();
  expect(await reset()).toContain(`the server does not know node ${host.name}`);
  expect((await containers(host.engineSocket())).map(({ name }) => name)).toEqual(['foreign']);
});
