import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { startLabWorld, twoNodes, type LabWorld } from '../support/lab-world.ts';
import { answers, untilAnswer, webPod, webService } from '../support/web-pods.ts';

/** Services as the nodes of one LAN know them: with real packets, from the hosts themselves, with the server and without. */
let world: LabWorld;
let one: Host;
let two: Host;

beforeAll(async () => {
  world = await startLabWorld(2);
  [one, two] = twoNodes(world);
  await Promise.all([world.join(one), world.join(two)]);
});
afterAll(() => world.lab.remove());

const clusterIp = (name: string) => world.kubectl('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}');

/** How long one question may take before it counts as failed, and starting it. */
const ASKING_MS = 300;

/** Asks without a pause for a while, and gives the milliseconds from the beginning to the last failure; -1: there was none. */
async function lastFailure(host: Host, url: string, during: () => Promise<unknown>): Promise<number> {
  const loop = `for i in $(seq 160); do curl -s -m 0.25 -o /dev/null ${url} && echo "$(date +%s%3N) ok" || echo "$(date +%s%3N) failed"; done`;
  const asking = host.exec('sh', '-c', loop);
  const began = Date.now();
  await during();
  const failed = (await asking).split('\n').filter((line) => line.endsWith('failed'));
  return failed.length === 0 ? -1 : Number(failed.at(-1)?.split(' ')[0]) - began;
}

test('pods of two nodes of one LAN answer at a service’s address on both, and a new service does within a second', async () => {
  await world.create(webPod('web-1', one), webPod('web-2', two));
  await world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', 'app=web', '--timeout=60s');
  await world.create(webService('web'));
  const url = `http://${await clusterIp('web')}/`;
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
  for (const host of [one, two])
    expect(await host.exec('ip', 'route', 'show', 'proto', '84')).toMatch(/^10\.\S+ via \S+ dev \S+ metric 1084 *\n$/);

  const began = Date.now();
  await world.create(webService('again'));
  const again = `http://${await clusterIp('again')}/`;
  const madeMs = Date.now() - began;
  const ask = `for i in $(seq 100); do curl -s -m 0.2 -o /dev/null ${again} && exit 0; sleep 0.02; done; exit 1`;
  await Promise.all([one, two].map((host) => host.exec('sh', '-c', ask)));
  const answeredMs = Date.now() - began;
  process.stdout.write(`a new service: made and read in ${madeMs} ms, answers on both nodes after ${answeredMs} ms\n`);
  expect(answeredMs - madeMs).toBeLessThan(1_000);
});

test('endpoints made by hand are local to the node that they name', async () => {
  const addressOf = (pod: string) => world.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
  await world.create(webService('by-hand', { selector: null, internalTrafficPolicy: 'Local' }), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'by-hand-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'by-hand' } },
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
    endpoints: [
      { addresses: [await addressOf('web-1')], nodeName: one.name, conditions: { ready: true } },
      { addresses: [await addressOf('web-2')], conditions: { ready: true } },
    ],
  });
  const url = `http://${await clusterIp('by-hand')}/`;
  await untilAnswer(one, url, ['web-1']);
  // curl's number for a connection that is refused.
  await untilAnswer(two, url, ['failed 7']);
  await world.kubectl('patch', 'service', 'by-hand', '-p', '{"spec":{"internalTrafficPolicy":"Cluster"}}');
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
  await world.kubectl('delete', 'service/by-hand');
});

test('a node tells by which machine its LAN goes out', async () => {
  // This machine's end of the lab's cables is the gateway; what asks others' name servers goes there.
  const mac = Object.values(networkInterfaces())
    .flatMap((entries = []) => entries)
    .find(({ address }) => address === world.lab.lan.address)?.mac;
  await waitFor(`the gateway ${mac} to be told`, async () => {
    const told = await world.kubectl('get', 'node', one.name, '-o', 'jsonpath={.metadata.annotations.skerry\\.dev/lan}');
    return told.startsWith(`${one.address}/24=`) && told.endsWith(`=${mac}`) ? true : undefined;
  });
});

test('a pod that dies leaves its own node’s endpoints at once, and others’ soon', async () => {
  const url = `http://${await clusterIp('web')}/`;
  await world.create(webPod('web-3', one), webPod('web-4', one));
  await world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', 'app=web', '--timeout=60s');
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2', 'web-3', 'web-4']);
  const kill = async (pod: string) => {
    const found = (await appContainers(one)).find((container) => container.pod === pod);
    if (found === undefined) throw new Error(`${pod} has no container`);
    await killContainer(one.engineSocket(), found.id);
  };
  const own = await lastFailure(one, url, () => kill('web-3'));
  const others = await lastFailure(two, url, () => kill('web-4'));
  process.stdout.write(`a dead pod was chosen last after ${own} ms on its node, ${others} ms on the other\n`);
  expect(own).toBeLessThan(300 + ASKING_MS);
  expect(others).toBeLessThan(2_000 + ASKING_MS);
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
});

test('without the server all goes on; what a node sees itself counts, also after a power cut', async () => {
  const url = `http://${await clusterIp('web')}/`;
  await world.lab.stopServer();
  for (const host of [one, two]) expect(await answers(host, url)).toEqual(['web-1', 'web-2']);
  // Who does not answer while the gateway or others do is away; alone on its LAN a node can not tell, and keeps the other as its last resort.
  await one.exec('nft', 'flush', 'ruleset');
  const masquerade = () => one.exec('nft', 'list', 'chain', 'ip', 'skerry', 'postrouting').catch(() => '');
  await waitFor(
    'masquerading and services',
    async () => ((await masquerade()).includes('masquerade') && (await answers(one, url)).length === 2 ? true : undefined),
    12_000,
  );
  await two.cutPower();
  await waitFor(
    'only the own pod to be chosen',
    async () => ((await answers(one, url)).join() === 'web-1' ? true : undefined),
    60_000,
  );
  await world.lab.startServer();
});

test('a port of the machine’s own is refused, and told', async () => {
  await world.create(webService('outside', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }));
  const at = `http://${one.address}:30080/`;
  await untilAnswer(one, at, ['web-1']);
  one.launch('listener', ['busybox', 'httpd', '-f', '-p', '30081']);
  await waitFor('the listener', async () =>
    (await one.exec('cat', '/proc/net/tcp', '/proc/net/tcp6')).includes(':7581') ? true : undefined,
  );
  await world.create(webService('taken', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }] }));
  const events = () =>
    world.kubectl('get', 'events', '--field-selector', 'involvedObject.kind=Service', '-o', 'jsonpath={.items[*].message}');
  await waitFor('the event', async () => ((await events()).includes('nodePort 30081/TCP stays this machine') ? true : undefined));
});

test('a reset takes the routes back', async () => {
  await world.lab.stopAgent(one);
  const route = 'route replace 10.63.0.0/25 via 127.0.0.1 dev lo metric 1084 proto 84 onlink';
  await one.exec('ip', ...route.split(' ')).catch(() => '');
  await one.exec(...RESET(one));
  expect(await one.exec('ip', 'route', 'show', 'proto', '84')).toBe('');
});

const RESET = (host: Host) => [
  PROGRAM,
  'reset',
  '--yes',
  '--docker',
  'unix:///run/docker.sock',
  '--data-dir',
  `${host.disk}/skerry`,
];
