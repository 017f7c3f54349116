import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { kubectl } from '../support/kubectl.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** Services as stock kubectl sees them: what is asked for, what the controllers make of it, and what is refused in upstream's words. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
  await world.join(firstNode(world));
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'admin', containerPort: 9090 },
  ];
  await world.create(deployment('web', 2, 'demo/web:1', { containers: [{ name: 'app', image: 'demo/web:1', ports }] }));
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
});
afterAll(() => world.lab.remove());

const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const get = async (...argv: readonly string[]) => (await world.kubectl('get', ...argv)).trim();
const podIps = async () => (await get('pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}')).split(' ').toSorted();

type Slice = {
  readonly metadata: { readonly name: string; readonly ownerReferences?: readonly { readonly kind: string }[] };
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly { readonly addresses: readonly string[]; readonly conditions: { readonly ready: boolean } }[];
};

const slicesOf = async (name: string) =>
  (
    JSON.parse(await get('endpointslices', '-l', `kubernetes.io/service-name=${name}`, '-o', 'json')) as {
      readonly items: readonly Slice[];
    }
  ).items;

/** The ready addresses of all its slices, once they are these. */
async function checkEndpoints(name: string, ips: readonly string[], ...ports: readonly string[]): Promise<void> {
  await waitFor(`service ${name} to have ${ips.join(', ')}`, async () => {
    const slices = await slicesOf(name);
    const found = slices.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses)).toSorted();
    const told = slices.flatMap((slice) => slice.ports.map((port) => `${port.name}:${port.port}`));
    return JSON.stringify([found, told]) === JSON.stringify([ips, ports]) || undefined;
  });
}

async function refused(...objects: readonly object[]): Promise<string> {
  return world.create(...objects).then(
    () => 'it was taken',
    (error: unknown) => String(error),
  );
}

test('expose: an address, a slice and Endpoints that follow the pods, in every kubectl’s describe', async () => {
  await world.kubectl('expose', 'deployment', 'web', '--port=80', '--target-port=http');
  const ips = await podIps();
  await checkEndpoints('web', ips, ':8080');
  expect(await get('endpointslices')).toMatch(/NAME\s+ADDRESSTYPE\s+PORTS\s+ENDPOINTS\s+AGE/);
  expect(await get('endpointslices')).toMatch(/web-[a-z0-9]{5}\s+IPv4\s+8080\s+10\.32\.\d+\.\d+,10\.32\.\d+\.\d+ /);
  const shown = ips.map((ip) => `${ip}:8080`).join(',');
  expect(await get('endpoints', 'web')).toContain(shown);
  for (const version of ['1.20', '1.32', '1.36'] as const) {
    const { stdout, stderr } = await tryRun(kubectl(version), ['--kubeconfig', world.lab.kubeconfig, 'describe', 'svc', 'web']);
    expect(stdout, stderr).toMatch(/Endpoints:\s+10\.32\.\d+\.\d+:8080,10\.32\.\d+\.\d+:8080/);
  }
  expect(await world.kubectl('describe', 'endpointslices')).toContain('service-name=web');
  await world.kubectl('scale', 'deployment/web', '--replicas=3');
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await checkEndpoints('web', await podIps(), ':8080');
  await world.kubectl('delete', 'pods', '-l', 'app=web', '--now');
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await waitFor('three new pods', async () => (await podIps()).length === 3 || undefined);
  await checkEndpoints('web', await podIps(), ':8080');
  await world.kubectl('delete', 'service', 'web');
  await waitFor('its slices to go', async () => (await slicesOf('web')).length === 0 || undefined);
  expect(await get('endpoints', '--ignore-not-found', 'web')).toBe('');
});

test('headless, several ports, ExternalName, load balancer', async () => {
  const selector = { app: 'web' };
  const ports = [
    { name: 'web', port: 80, targetPort: 'http' },
    { name: 'admin', port: 81, targetPort: 'admin' },
  ];
  await world.create(
    service('headless', { clusterIP: 'None', selector, ports }),
    service('outside', { type: 'ExternalName', externalName: 'db.example.com' }),
    service('balanced', { type: 'LoadBalancer', selector, ports }),
  );
  await checkEndpoints('headless', await podIps(), 'web:8080', 'admin:9090');
  expect(await get('svc', 'headless')).toMatch(/ClusterIP\s+None\s+<none>\s+80\/TCP,81\/TCP/);
  expect(await get('svc', 'outside')).toMatch(/ExternalName\s+<none>\s+db\.example\.com/);
  expect(await slicesOf('outside')).toEqual([]);
  const { address } = firstNode(world);
  await waitFor('its address', async () => (await get('svc', 'balanced')).includes(address) || undefined);
  expect(await world.kubectl('describe', 'svc', 'balanced')).toMatch(new RegExp(`LoadBalancer Ingress:\\s+${address} \\(VIP\\)`));
  await world.create(service('pending', { type: 'LoadBalancer', selector: { app: 'nobody' }, ports: [{ port: 8088 }] }));
  await waitFor('why it has none', async () =>
    (await world.kubectl('describe', 'svc', 'pending')).includes('LoadBalancerPending'),
  );
  expect(await refused(service('ssh', { type: 'LoadBalancer', selector, ports: [{ port: 22 }] }))).toContain(
    'reached by ssh there',
  );
});

test('a balancer asks at the node port for checks whether a node has endpoints that are ready', async () => {
  const ports = [{ port: 8089, targetPort: 'http' }];
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports };
  await world.create(
    service('checked', { ...spec, selector: { app: 'web' } }),
    service('empty', { ...spec, selector: { app: 'nobody' }, ports: [{ port: 8090 }] }),
  );
  const node = firstNode(world);
  const ask = async (name: string) => {
    const port = await get('svc', name, '-o', 'jsonpath={.spec.healthCheckNodePort}');
    const response = await fetch(`http://${node.address}:${port}/`);
    return [response.status, await response.json()];
  };
  const told = (name: string, localEndpoints: number, code: number) => [
    code,
    { service: { namespace: 'default', name }, localEndpoints, serviceProxyHealthy: true },
  ];
  await expect
    .poll(() => ask('checked').catch(String), { timeout: 10_000 })
    .toEqual(told('checked', (await podIps()).length, 200));
  expect(await ask('empty')).toEqual(told('empty', 0, 503));
  await world.kubectl('delete', 'svc', 'checked', 'empty');
});

test('endpoints made by hand, in either form', async () => {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'db-by-hand', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 5432 }],
    endpoints: [{ addresses: ['192.0.2.10'] }],
  };
  const old = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'legacy' },
    subsets: [{ addresses: [{ ip: '192.0.2.20' }], ports: [{ port: 80 }] }],
  };
  await world.create(service('db', { ports: [{ port: 5432 }] }), slice, service('legacy', { ports: [{ port: 80 }] }), old);
  await checkEndpoints('db', ['192.0.2.10'], ':5432');
  await checkEndpoints('legacy', ['192.0.2.20'], ':80');
  const [mirrored] = await slicesOf('legacy');
  expect(mirrored?.metadata.ownerReferences).toMatchObject([{ kind: 'Endpoints' }]);
  expect(await world.kubectl('describe', 'svc', 'db')).toMatch(/Endpoints:\s+192\.0\.2\.10:5432/);
  await world.kubectl(
    'patch',
    'endpoints',
    'legacy',
    '--type=json',
    '-p',
    '[{"op":"replace","path":"/subsets/0/addresses/0/ip","value":"192.0.2.21"}]',
  );
  await checkEndpoints('legacy', ['192.0.2.21'], ':80');
  await world.kubectl('delete', 'endpoints', 'legacy');
  await waitFor('the mirrored slice to go', async () => (await slicesOf('legacy')).length === 0 || undefined);
});

describe('what is refused, in upstream’s words', () => {
  const port = { port: 80 };
  test.each([
    [
      'a cluster IP that is taken',
      { clusterIP: '10.96.0.1', ports: [port] },
      'failed to allocate IP 10.96.0.1: provided IP is already allocated',
    ],
    ['one outside of the range', { clusterIP: '10.97.0.1', ports: [port] }, 'The range of valid IPs is 10.96.0.0/16'],
    [
      'a second family',
      { ipFamilyPolicy: 'RequireDualStack', ports: [port] },
      'this cluster is not configured for dual-stack services',
    ],
    [
      'IPv6',
      { ipFamilies: ['IPv6'], ports: [port] },
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
    [
      'a node port outside of the range',
      { type: 'NodePort', ports: [{ ...port, nodePort: 22 }] },
      'The range of valid ports is 30000-32767',
    ],
  ])('%s', async (_what, spec, expected) => {
    expect(await refused(service('clash', spec))).toContain(expected);
  });

  test('a node port that is taken, also after a restart of the server', async () => {
    const taken = { type: 'NodePort', ports: [{ ...port, nodePort: 30_080 }] };
    await world.create(service('first', taken));
    await world.lab.stopServer('SIGKILL');
    await world.lab.startServer();
    expect(await refused(service('second', taken))).toContain(
      'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
  });
});

test('default/kubernetes leads to the server, and comes back', async () => {
  const { address } = world.lab.server;
  expect(await get('svc', 'kubernetes')).toMatch(/ClusterIP\s+10\.96\.0\.1\s+<none>\s+443\/TCP/);
  expect(await get('endpoints', 'kubernetes')).toContain(`${address}:6443`);
  expect((await slicesOf('kubernetes')).map(({ endpoints }) => endpoints[0]?.addresses)).toEqual([[address]]);
  await world.kubectl('delete', 'svc', 'kubernetes');
  await waitFor('it to be there again', async () => (await get('svc', 'kubernetes', '--ignore-not-found')) !== '' || undefined);
  expect(await get('svc', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}')).toBe('10.96.0.1');
  await waitFor(
    'its Endpoints',
    async () => (await get('endpoints', 'kubernetes', '--ignore-not-found')).includes(address) || undefined,
  );
});

test('the networks are chosen at the first start, and later ones must agree', async () => {
  const host = world.lab.server;
  const folder = join(host.disk, 'other');
  const serve = (...flags: readonly string[]) => {
    const argv = [PROGRAM, 'server', '--data-dir', folder, '--listen', '127.0.0.1:7443', '--log-level', 'warn', ...flags];
    return host.exec('/bin/sh', '-c', `timeout -s INT 5 ${argv.join(' ')} 2>&1; echo "exit $?"`);
  };
  const alone = (...flags: readonly string[]) => serve('--no-agent', ...flags);
  // It is a node, too, and on this network itself.
  expect(await serve('--cluster-cidr', '198.18.0.0/15')).toMatch(/198\.18\.[\s\S]*--cluster-cidr[\s\S]*exit 2/);
  expect(await alone('--cluster-cidr', '198.18.0.0/15')).toMatch(/198\.18\.[\s\S]*--cluster-cidr[\s\S]*exit 2/);
  // What a cluster of before has left is no neighbour's, but no pod of this node could go where it leads.
  await host.exec('ip', 'link', 'add', 'cni0', 'type', 'veth', 'peer', 'name', 'pod0');
  await host.exec('ip', 'addr', 'add', '10.42.0.1/24', 'dev', 'cni0');
  for (const device of ['cni0', 'pod0']) await host.exec('ip', 'link', 'set', device, 'up');
  expect(await serve()).toMatch(/10\.42\.0\.1\/24[\s\S]*--cluster-cidr[\s\S]*exit 2/);
  await expect(host.exec('ls', folder)).rejects.toThrow('No such file');
  expect(await alone('--cluster-cidr', '10.96.0.0/12')).toMatch(/they overlap[\s\S]*exit 2/);
  expect(await alone('--cluster-cidr', '10.40.1.0/16')).toMatch(/use 10\.40\.0\.0\/16[\s\S]*exit 2/);
  // What was refused before has not been a first start.
  const first = await alone('--cluster-cidr', '172.20.0.0/16');
  expect(first).toMatch(/exit (0|124)/);
  expect(first).not.toContain('until it is confirmed');
  expect(await alone('--cluster-cidr', '172.21.0.0/16')).toMatch(/this cluster was made with 172\.20\.0\.0\/16[\s\S]*exit 2/);
  expect(await alone()).toMatch(/exit (0|124)/);
});
