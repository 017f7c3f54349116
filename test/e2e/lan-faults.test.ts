import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { createBeside, type Beside } from '../support/beside.ts';
import { startLabWorld, twoNodes, type LabWorld } from '../support/lab-world.ts';
import { startNetns, type Netns } from '../support/netns.ts';
import { answers, untilAnswer, webPod, webService, type Asking } from '../support/web-pods.ts';

/** What happens to a node's network while pods serve: interfaces get other names, addresses change, nodes fall silent, other sites have the same LAN. */
let beside: Beside;
let world: LabWorld;
let one: Host;
let two: Host;
let url = '';
const sites: Netns[] = [];

beforeAll(async () => {
  beside = await createBeside();
  world = await startLabWorld(2);
  [one, two] = twoNodes(world);
  await Promise.all([world.join(one), world.join(two)]);
  await world.create(webPod('web-1', one), webPod('web-2', two), webService('web', { type: 'NodePort', ports: PORTS }));
  url = `http://${await world.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')}/`;
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
}, 600_000);
afterAll(async () => {
  await world.lab.remove();
  await beside.remove();
  for (const site of sites) site.stop();
});

/** What becomes of the second node's eth0. */
const RENAMED = 'lan0';
const BACK_MS_MAX = 10_000;
const GATEWAY = '192.168.1.1';
const PORTS = [{ port: 80, targetPort: 8080, nodePort: 30_080 }];
const onLan = (last: number) => one.address.replace(/\d+$/, String(last));
const routesOf = (host: Host) => host.exec('ip', 'route', 'show', 'proto', '84');
const untilRoute = (host: Host, via: string, deadlineMs = 30_000) =>
  waitFor(`a route on ${host.name} ${via}`, async () => ((await routesOf(host)).includes(via) ? true : undefined), deadlineMs);

async function podOf(host: Host, name: string): Promise<Asking> {
  const pid = (await appContainers(host)).find(({ pod }) => pod === name)?.pid;
  return { name, exec: (...argv) => host.exec('nsenter', '-t', String(pid), '-n', ...argv) };
}

/** As a DHCP server would: the old address goes with all its routes. */
async function changeAddress(host: Host, address: string, prefix = 24): Promise<void> {
  const device = host === two ? RENAMED : 'eth0';
  await host.exec('ip', 'addr', 'flush', 'dev', device);
  await host.exec('ip', 'addr', 'add', `${address}/${prefix}`, 'dev', device);
  if (prefix === 24) await host.exec('ip', 'route', 'add', 'default', 'via', onLan(254));
  else await host.exec('ip', 'route', 'add', world.lab.server.address, 'dev', device);
}

test('without the server, what others flush of ours is back within ten seconds', async () => {
  await world.lab.stopServer();
  for (const proto of ['83', '84']) await one.exec('ip', 'route', 'flush', 'proto', proto);
  await one.exec('ip', 'addr', 'del', '169.254.20.10/32', 'dev', 'lo');
  const back = [
    untilRoute(one, `via ${two.address}`, BACK_MS_MAX),
    waitFor(
      'the address and the route of services',
      async () => ((await one.exec('ip', 'route', 'show', 'proto', '83')).includes('src 169.254.20.10') ? true : undefined),
      BACK_MS_MAX,
    ),
  ];
  await Promise.all(back);
  await untilAnswer(one, url, ['web-1', 'web-2']);
  // As Docker's policy and ufw's, whose reload flushes the table of rules and leaves its policy.
  await one.exec('iptables', '-P', 'FORWARD', 'DROP');
  const pod = await podOf(one, 'web-1');
  await untilAnswer(pod, url, ['web-1', 'web-2'], BACK_MS_MAX);
  // It may be mended at once.
  await waitFor('a flush to be felt', async () => {
    await one.exec('iptables', '-F');
    return (await answers(pod, url, 1)).includes('failed 28') ? true : undefined;
  });
  await untilAnswer(pod, url, ['web-1', 'web-2'], BACK_MS_MAX);
  await world.lab.startServer();
  await waitForNode(world, one.name, 'True');
});

test('an interface gets another name: ways, services, node ports and names go on', async () => {
  await two.exec('ip', 'link', 'set', 'eth0', 'down');
  await two.exec('ip', 'link', 'set', 'eth0', 'name', RENAMED);
  await two.exec('ip', 'link', 'set', RENAMED, 'up');
  await two.exec('ip', 'route', 'add', 'default', 'via', onLan(254));
  await untilRoute(two, `via ${one.address} dev ${RENAMED}`);
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
  await untilAnswer(one, `http://${two.address}:30080/`, ['web-1', 'web-2']);
  expect(await two.exec('dig', '@169.254.20.10', '+short', 'web.default.svc.cluster.local')).toMatch(/^10\.96\./);
  await waitForNode(world, two.name, 'True');
});

test('a node’s address changes: its neighbours follow while the server is there, and keep the way while it is not', async () => {
  await changeAddress(two, onLan(77));
  await untilRoute(one, `via ${onLan(77)}`, 60_000);
  await untilRoute(two, `via ${one.address}`);
  // Not only with the next look at each pod, a minute later.
  const hostIp = () => world.kubectl('get', 'pod', 'web-2', '-o', 'jsonpath={.status.hostIP}');
  await expect.poll(hostIp, { timeout: 10_000 }).toBe(onLan(77));
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);

  await world.lab.stopServer();
  await changeAddress(two, onLan(78));
  // It is not where it was, others are: nobody is led there any more.
  await untilAnswer(one, url, ['web-1']);
  expect(await routesOf(one)).toContain(`via ${onLan(77)}`);
  // Its own neighbour is where it was.
  await untilAnswer(two, url, ['web-1', 'web-2']);
  await changeAddress(two, onLan(77));
  await untilAnswer(one, url, ['web-1', 'web-2']);
  await changeAddress(two, onLan(78));
  await world.lab.startServer();
  await untilRoute(one, `via ${onLan(78)}`, 60_000);
  await untilAnswer(one, url, ['web-1', 'web-2']);
});

test('a table of connections that is full: it is told, open ones and names go on, and it heals', async () => {
  const reasons = () => world.kubectl('get', 'events', '-o', 'jsonpath={.items[*].reason}');
  const max = Number(await one.exec('cat', '/proc/sys/net/netfilter/nf_conntrack_max'));
  let range = 1;
  await fillConnections(one, range, max);
  await waitFor('the event', async () => ((await reasons()).includes('ConntrackFull') ? true : undefined), 60_000);
  // Others' entries end all the time, and make room for a moment.
  await waitFor('a new connection to be dropped', async () => {
    await fillConnections(one, (range += 1), max);
    return (await answers(one, url, 1)).join() === 'failed 28' ? true : undefined;
  });
  expect(await one.exec('dig', '@169.254.20.10', '+short', 'web.default.svc.cluster.local')).toMatch(/^10\.96\./);
  await beside.run(one.pid(), ['conntrack', '--flush']);
  await untilAnswer(one, url, ['web-1', 'web-2']);
  await waitFor('the event of its end', async () => ((await reasons()).includes('ConntrackReady') ? true : undefined), 60_000);
});

test('endpoints of a silent node are the last resort: not chosen beside others, and not taken away', async () => {
  await world.lab.stopAgent(two, 'SIGKILL');
  await waitForNode(world, two.name, 'Unknown', 120_000);
  await untilAnswer(one, url, ['web-1']);
  const own = (await appContainers(one)).find(({ pod }) => pod === 'web-1');
  await killContainer(one.engineSocket(), own?.id ?? '');
  // Its LAN works.
  await untilAnswer(one, url, ['web-2']);
  world.lab.startAgent(two);
  await waitForNode(world, two.name, 'True');
  await world.kubectl('delete', 'pod', 'web-1');
  await world.create(webPod('web-1', one));
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
});

test('two sites with the same LAN: no route to a stranger who has a peer’s address', async () => {
  // Each reaches the server by a way of its own, and nobody else by it.
  await changeAddress(one, one.address, 32);
  await changeAddress(two, two.address, 32);
  await plugIntoSite(one, '192.168.1.11', '192.168.1.12');
  await plugIntoSite(two, '192.168.1.12', '192.168.1.11');
  const told = (host: Host) => world.kubectl('get', 'node', host.name, '-o', 'jsonpath={.metadata.annotations.skerry\\.dev/lan}');
  for (const [host, stranger] of [
    [one, '192.168.1.12'],
    [two, '192.168.1.11'],
  ] as const) {
    await waitFor('its LAN to be told', async () => ((await told(host)).startsWith('192.168.1.') ? true : undefined), 60_000);
    // The peer's address was asked, and a stranger has answered.
    await waitFor('the stranger', async () =>
      (await host.exec('ip', 'neigh', 'show', stranger)).includes('lladdr') ? true : undefined,
    );
    await waitFor('no route', async () => ((await routesOf(host)) === '' ? true : undefined));
    await untilAnswer(host, url, [host === one ? 'web-1' : 'web-2']);
  }
  // As in a fleet whose every site has this network: those behind one gateway are a LAN then, and nobody is told of others.
  for (const host of [one, two])
    await waitFor('its gateway to be told', async () => ((await told(host)).split('=').length > 2 ? true : undefined), 60_000);
  const crowd = Array.from({ length: CROWD }, (_, at) => crowdNode(at));
  await world.create(...crowd);
  for (const [host, stranger] of [
    [one, '192.168.1.12'],
    [two, '192.168.1.11'],
  ] as const)
    await waitFor('the stranger to be asked no more', () => isAsked(host, stranger, false), 120_000);
  await world.kubectl('delete', 'node', ...crowd.map(({ metadata }) => metadata.name));
  await waitFor('the stranger to be asked again', () => isAsked(one, '192.168.1.12', true), 120_000);
  // One LAN after all.
  for (const host of [one, two]) await host.exec('ip', 'route', 'del', 'default', 'dev', 'site0');
  await changeAddress(one, one.address);
  await changeAddress(two, two.address);
  await untilRoute(one, `via ${two.address} dev eth0`, 60_000);
  for (const host of [one, two]) await untilAnswer(host, url, ['web-1', 'web-2']);
  expect(await answers(one, url)).toEqual(['web-1', 'web-2']);
});

/** Up to the last one, with such as the kernel does not give up for a new one. */
async function fillConnections(host: Host, range: number, max: number): Promise<void> {
  const lines = Array.from({ length: max }, (_, at) => {
    const [from, port] = [`10.${range}.${at >> 15}.1`, 1 + (at & 0x7fff)];
    return `-A -u SEEN_REPLY,ASSURED -t 600 -p udp -s ${from} -d 10.9.0.1 -r 10.9.0.1 -q ${from} --sport ${port} --dport 9 --reply-port-src 9 --reply-port-dst ${port}\n`;
  });
  // By a pipe: conntrack opens its input by name, which can not be done with a socket.
  const filling = beside.run(host.pid(), ['sh', '-c', 'cat | conntrack --load-file -'], lines.join(''));
  await expect(filling).rejects.toThrow('not enough memory');
}

/** With the two, more than the server takes for one LAN. */
const CROWD = 255;

function crowdNode(at: number) {
  const mac = `52:54:00:00:01:${at.toString(16).padStart(2, '0')}`;
  const annotations = { 'skerry.dev/lan': `192.168.1.${1 + (at % 254)}/24=${mac}=52:54:00:00:02:01` };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: `crowd-${at}`, annotations } };
}

/** Of each look of the agent the gateway is part. */
async function isAsked(host: Host, stranger: string, expected: boolean): Promise<true | undefined> {
  const neighbours = () => host.exec('ip', 'neigh', 'show', 'dev', 'site0');
  await host.exec('ip', 'neigh', 'flush', 'dev', 'site0');
  await waitFor('the gateway', async () => ((await neighbours()).includes(`${GATEWAY} lladdr`) ? true : undefined), 60_000);
  return (await neighbours()).includes(`${stranger} `) === expected ? true : undefined;
}

/** A LAN of its own, with a gateway, on which a stranger has the other address. */
async function plugIntoSite(host: Host, address: string, stranger: string): Promise<void> {
  const site = await startNetns();
  sites.push(site);
  await site.run('ip', 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'site0', 'netns', String(host.pid()));
  await site.run('ip', 'addr', 'add', `${stranger}/24`, 'dev', 'lan');
  await site.run('ip', 'addr', 'add', `${GATEWAY}/24`, 'dev', 'lan');
  await site.run('ip', 'link', 'set', 'lan', 'up');
  await host.exec('ip', 'addr', 'add', `${address}/24`, 'dev', 'site0');
  await host.exec('ip', 'link', 'set', 'site0', 'up');
  await host.exec('ip', 'route', 'add', 'default', 'via', GATEWAY, 'dev', 'site0');
}
