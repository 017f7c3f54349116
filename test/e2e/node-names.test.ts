import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGES, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** Names as pods on a node find them: through the agent itself, with the server, without it, and at boot. */
let world: LabWorld;
let resolver: ChildProcess;
const OUTSIDE = 'www.outside.test';

beforeAll(async () => {
  world = await startLabWorld(1);
  const host = edge();
  await startResolver();
  await bootEdge();
  await world.lab.loadImages(host, IMAGES);
  world.lab.startAgent(host, '--server', world.lab.serverUrl, '--token', await world.lab.createToken());
  await waitForNode(world, host.name, 'True');
  await world.create(
    pod('asks', { hostname: 'first', subdomain: 'db' }),
    pod('on-host', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
    pod('as-host', { hostNetwork: true }),
  );
  await world.kubectl('wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s');
});
afterAll(() => world.lab.remove());

const edge = () => firstNode(world);
const resolvConf = () => join(edge().disk, 'resolv.conf');

/** On the server's machine; what it says is all that is known of the world outside. */
async function startResolver(): Promise<void> {
  const { server } = world.lab;
  const fixed = ['-k', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root', '--pid-file='];
  resolver = server.launch('dnsmasq', [
    'dnsmasq',
    ...fixed,
    '--bind-interfaces',
    `--listen-address=${server.address}`,
    '--local=/outside.test/',
    '--address=/outside.test/192.0.2.80',
  ]);
  await waitFor('the resolver outside', async () => (await server.exec('dig', `@${server.address}`, '+short', OUTSIDE)) !== '');
}

async function bootEdge(): Promise<void> {
  const host = edge();
  writeFileSync(resolvConf(), `search site.test\nnameserver ${world.lab.server.address}\n`);
  await host.boot({ engine: true });
  await host.exec('mount', '--bind', resolvConf(), '/etc/resolv.conf');
}

/** Its first act is to look for a name, once: by UDP, and by TCP, which only the table of services leads there. */
function pod(name: string, spec: object): object {
  const script = `if nslookup ${OUTSIDE} 169.254.20.10 >/dev/null 2>&1 && nc -w 2 169.254.20.10 53 -e true; then echo found; else echo not found; fi; trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done`;
  const containers = [{ name: 'app', image: 'demo/web:1', command: ['sh', '-c', script] }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, containers, ...spec },
  };
}

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec };
}

async function inPod(name: string, ...argv: readonly string[]): Promise<string> {
  const found = (await appContainers(edge())).find((container) => container.pod === name);
  return run('docker', ['-H', `unix://${edge().engineSocket()}`, 'exec', found?.id ?? name, ...argv]);
}

const lookUp = async (name: string) => /^Address: ([\d.]+)$/m.exec(await inPod('asks', 'nslookup', name).catch(String))?.[1];

test('a pod finds names of the world outside and of other pods through its node', async () => {
  expect(await inPod('asks', 'cat', '/etc/resolv.conf')).toBe(
    'search default.svc.cluster.local svc.cluster.local cluster.local site.test\nnameserver 169.254.20.10\noptions ndots:5\n',
  );
  expect(await inPod('on-host', 'cat', '/etc/resolv.conf')).toContain('nameserver 169.254.20.10\n');
  expect(await inPod('as-host', 'cat', '/etc/resolv.conf')).toBe(`search site.test\nnameserver ${world.lab.server.address}\n`);
  expect(await lookUp(OUTSIDE)).toBe('192.0.2.80');
  expect(await lookUp('10-32-0-9.default.pod.cluster.local')).toBe('10.32.0.9');
  expect(await edge().exec('dig', '@169.254.20.10', '+short', 'TXT', 'dns-version.cluster.local')).toBe('"1.1.0"\n');
});

test('services are found by name as soon as they are made, by the names of pods behind them, over TCP, and no longer than they are', async () => {
  const spec = { selector: { app: 'asks' }, ports: [{ name: 'http', port: 80 }] };
  await world.create(service('db', { ...spec, clusterIP: 'None' }));
  const made = performance.now();
  await world.create(service('web', spec));
  const address = await world.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const dig = (...args: readonly string[]) => edge().exec('dig', '@169.254.20.10', '+short', ...args);
  const full = 'default.svc.cluster.local';
  await waitFor('the name', async () => ((await dig(`web.${full}`)) === `${address}\n` ? true : undefined), 5_000, 10);
  expect(performance.now() - made).toBeLessThan(3_000);
  const own = await world.kubectl('get', 'pod', 'asks', '-o', 'jsonpath={.status.podIP}');
  await waitFor('the pod’s name', async () => ((await dig(`first.db.${full}`)) === `${own}\n` ? true : undefined), 5_000, 10);
  expect([await lookUp(`web.${full}`), await lookUp(`first.db.${full}`)]).toEqual([address, own]);
  // By the search domains, as programs ask.
  expect(await inPod('asks', 'ping', '-c', '1', '-W', '1', 'first.db')).toContain(`(${own})`);
  expect(await dig('SRV', `_http._tcp.db.${full}`)).toBe(`0 100 80 first.db.${full}.\n`);
  expect(await dig('-x', address)).toBe(`web.${full}.\n`);
  expect(await dig('+tcp', `web.${full}`)).toBe(`${address}\n`);
  await world.kubectl('delete', 'service', 'db');
  await waitFor('the end of the name', async () => ((await dig(`first.db.${full}`)) === '' ? true : undefined), 5_000, 10);
});

test('a resolver that dies is told of, and that it answers again', async () => {
  await world.lab.server.end(resolver, 'SIGKILL');
  const reasons = () => world.kubectl('get', 'events', '-o', 'jsonpath={.items[*].reason}');
  await waitFor(
    'the event',
    async () => {
      await lookUp(`anything.${OUTSIDE}`);
      return (await reasons()).includes('ResolverUnreachable') ? true : undefined;
    },
    60_000,
    500,
  );
  expect(await lookUp('10-32-0-9.default.pod.cluster.local')).toBe('10.32.0.9');
  await startResolver();
  await waitFor(
    'the event of its end',
    async () => ((await reasons()).includes('ResolverReady') ? true : undefined),
    60_000,
    500,
  );
  expect(await lookUp(OUTSIDE)).toBe('192.0.2.80');
});

test('a node that boots without the server answers before its first container asks', async () => {
  await world.lab.stopServer('SIGKILL');
  await edge().cutPower();
  await bootEdge();
  world.lab.startAgent(edge());
  await waitFor('the pod', async () => (await appContainers(edge())).find((container) => container.pod === 'asks'), 60_000);
  const [container] = (await appContainers(edge())).filter((each) => each.pod === 'asks');
  const log = () => run('docker', ['-H', `unix://${edge().engineSocket()}`, 'logs', container?.id ?? '']);
  expect(await waitFor('its word', async () => (await log()).trim() || undefined)).toBe('found');
  expect(await lookUp('web.default.svc.cluster.local')).toMatch(/^10\.96\./);
});
