import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { startLabWorld, twoNodes, type LabWorld } from '../support/lab-world.ts';
import { CURL_IMAGE, answers, inPod, untilAnswer, webPod, webService } from '../support/web-pods.ts';

/** Who is an endpoint of a service, as those who ask find it: real packets and names, on the pod's own node, on the other one and from outside. */
let world: LabWorld;
let one: Host;
let two: Host;

beforeAll(async () => {
  world = await startLabWorld(2);
  [one, two] = twoNodes(world);
  await Promise.all([world.join(one), world.join(two)]);
  await world.lab.loadImages(two, [CURL_IMAGE]);
});
afterAll(() => world.lab.remove());

/** curl's numbers for a connection that is refused, and one that nobody answers. */
const REFUSED = 'failed 7';
const SILENCE = 'failed 28';

const clusterIp = (name: string) => world.kubectl('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}');
const addressOf = (pod: string) => world.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
const untilReady = (app: string) => world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', `app=${app}`, '--timeout=60s');
const untilRunning = (pod: string) =>
  world.kubectl('wait', '--for=jsonpath={.status.phase}=Running', `pod/${pod}`, '--timeout=60s');

/** A container of the web image that runs this. */
const running = (script: string, more: object = {}) => ({
  containers: [{ name: 'web', image: 'demo/web:1', command: ['sh', '-c', script], ...more }],
});

/** How a probe is to notice. */
const AT_ONCE = { periodSeconds: 1, failureThreshold: 1 };

/** What a node’s own name server says, sorted; none: an empty list. */
async function resolved(host: Host, name: string): Promise<readonly string[]> {
  const lines = await host.exec('dig', '@169.254.20.10', '+short', `${name}.default.svc.cluster.local`);
  return lines.split('\n').filter(Boolean).toSorted();
}

async function untilResolved(host: Host, name: string, expected: readonly string[]): Promise<void> {
  const wanted = expected.toSorted().join();
  await waitFor(`${name} to be [${wanted}] on ${host.name}`, async () =>
    (await resolved(host, name)).join() === wanted ? true : undefined,
  );
}

/** Asks without a pause until `during` is over and once more, and gives all that was answered. */
async function answersDuring(host: Host, url: string, during: () => Promise<unknown>): Promise<readonly string[]> {
  const seen = new Set<string>();
  let isOver = false;
  const running = during().finally(() => (isOver = true));
  for (let isLast = false; !isLast;) {
    isLast = isOver;
    for (const answer of await answers(host, url)) seen.add(answer);
  }
  await running;
  return [...seen].toSorted();
}

test('a pod that terminates and still serves is asked while nobody else is there, and only then', async () => {
  const app = { app: 'drains' };
  // It goes when it is told to, not when it is asked to.
  const stays =
    "trap '' TERM; mkdir -p /www; hostname > /www/index.html; httpd -p 8080 -h /www; until [ -e /tmp/over ]; do sleep 0.1; done";
  const readinessProbe = { exec: { command: ['test', '!', '-e', '/tmp/deaf'] }, ...AT_ONCE };
  await world.create(
    webPod('leaving', one, app, { ...running(stays, { readinessProbe }), terminationGracePeriodSeconds: 120 }),
    webService('drains', { selector: app }),
  );
  const url = `http://${await clusterIp('drains')}/`;
  for (const host of [one, two]) await untilAnswer(host, url, ['leaving']);

  const conditions = () =>
    world.kubectl(
      'get',
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=drains',
      '-o',
      'jsonpath={.items[*].endpoints[*].conditions}',
    );
  const leave = async () => {
    await world.kubectl('delete', 'pod', 'leaving', '--wait=false');
    await waitFor('the endpoint that terminates', async () => {
      const found = await conditions();
      return found.includes('"ready":false,"serving":true,"terminating":true') ? true : undefined;
    });
  };
  const leaving = leave();
  const seen = await Promise.all([one, two].map((host) => answersDuring(host, url, () => leaving)));
  expect(seen).toEqual([['leaving'], ['leaving']]);
  const own = `http://${await addressOf('leaving')}:8080/`;

  await world.create(webPod('coming', two, app));
  for (const host of [one, two]) await untilAnswer(host, url, ['coming']);
  for (const host of [one, two]) {
    expect(await answers(host, url, 60)).toEqual(['coming']);
    expect(await answers(host, own, 1)).toEqual(['leaving']);
  }
  await world.kubectl('delete', 'pod', 'coming');
  for (const host of [one, two]) await untilAnswer(host, url, ['leaving']);

  // Its readiness is asked for to the end.
  await inPod(one, 'leaving', 'touch', '/tmp/deaf');
  for (const host of [one, two]) await untilAnswer(host, url, [REFUSED]);
  await inPod(one, 'leaving', 'rm', '/tmp/deaf');
  for (const host of [one, two]) await untilAnswer(host, url, ['leaving']);

  await inPod(one, 'leaving', 'touch', '/tmp/over');
  for (const host of [one, two]) await untilAnswer(host, url, [REFUSED]);
  await world.kubectl('wait', '--for=delete', 'pod/leaving', '--timeout=60s');
});

test('a pod that is not ready has connections and names only where a service publishes those', async () => {
  const selector = { app: 'starts' };
  const serve = 'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www';
  const readinessProbe = { exec: { command: ['test', '-e', '/tmp/up'] }, ...AT_ONCE };
  const published = { selector, publishNotReadyAddresses: true };
  await world.create(
    webPod('starts', one, selector, running(serve, { readinessProbe })),
    webService('published', published),
    webService('published-names', { ...published, clusterIP: 'None' }),
    webService('plain', { selector }),
    webService('plain-names', { selector, clusterIP: 'None' }),
  );
  await untilRunning('starts');
  const address = await addressOf('starts');
  const [publishedUrl, plainUrl] = [`http://${await clusterIp('published')}/`, `http://${await clusterIp('plain')}/`];
  const checkPublished = async (host: Host) => {
    await untilAnswer(host, publishedUrl, ['starts']);
    await untilResolved(host, 'published-names', [address]);
  };
  const checkPlain = async (host: Host, isReady: boolean) => {
    await untilAnswer(host, plainUrl, [isReady ? 'starts' : REFUSED]);
    await untilResolved(host, 'plain-names', isReady ? [address] : []);
  };
  for (const [command, isReady] of [
    [['rm', '-f', '/tmp/up'], false],
    [['touch', '/tmp/up'], true],
    [['rm', '-f', '/tmp/up'], false],
  ] as const) {
    await inPod(one, 'starts', ...command);
    for (const host of [one, two]) {
      await checkPublished(host);
      await checkPlain(host, isReady);
    }
  }
});

test('names of pods are known on the other node, and what they stand for is reached from its pods', async () => {
  const app = { app: 'stateful' };
  const member = (name: string) => webPod(name, one, app, { hostname: name, subdomain: 'web' });
  await world.create(
    webService('web', { selector: app, clusterIP: 'None' }),
    member('web-0'),
    member('web-1'),
    webPod('asks', two, { app: 'asks' }, { containers: [{ name: 'app', image: CURL_IMAGE.reference }] }),
  );
  await Promise.all([untilReady('stateful'), untilReady('asks')]);
  const addresses = [await addressOf('web-0'), await addressOf('web-1')];
  for (const host of [two, one]) await untilResolved(host, 'web', addresses);
  for (const [at, name] of ['web-0', 'web-1'].entries()) {
    const full = `${name}.web.default.svc.cluster.local`;
    expect(await resolved(two, `${name}.web`)).toEqual([addresses[at]]);
    expect(await inPod(two, 'asks', 'nslookup', full, '169.254.20.10')).toContain(`Address: ${addresses[at]}\n`);
    for (const called of [full, `${name}.web`])
      expect(await inPod(two, 'asks', 'curl', '-sS', '-m', '2', `http://${called}:8080/`)).toBe(`${name}\n`);
  }
  await world.kubectl('delete', 'pod', 'web-1');
  await untilResolved(two, 'web', addresses.slice(0, 1));
  expect(await resolved(two, 'web-1.web')).toEqual([]);
});

test('a node port that keeps the client’s address: one node tells it, the one without an endpoint says nothing', async () => {
  const selector = { app: 'tells' };
  const tell =
    'mkdir -p /www/cgi-bin; printf "#!/bin/sh\\nprintf \'Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n\'; echo \\$REMOTE_ADDR\\n" > /www/cgi-bin/who; busybox chmod +x /www/cgi-bin/who; exec httpd -f -p 0.0.0.0:8080 -h /www';
  const ports = [{ port: 80, targetPort: 8080, nodePort: 30085 }];
  await world.create(
    webPod('tells', one, selector, running(tell)),
    webService('outside', { selector, type: 'NodePort', externalTrafficPolicy: 'Cluster', ports }),
  );
  await untilReady('tells');
  const { server } = world.lab;
  const [atOne, atTwo] = [one, two].map(({ address }) => `http://${address}:30085/cgi-bin/who`);
  if (atOne === undefined || atTwo === undefined) throw new Error('there are two nodes');
  await untilAnswer(server, atOne, [server.address]);
  // The way back leads through the node that was asked.
  await untilAnswer(server, atTwo, [two.address]);

  await world.kubectl('patch', 'service', 'outside', '-p', '{"spec":{"externalTrafficPolicy":"Local"}}');
  await untilAnswer(server, atTwo, [SILENCE]);
  expect(await answers(server, atOne)).toEqual([server.address]);
  // Who is inside has all of them.
  expect(await answers(two, atTwo)).toEqual([two.address]);
});
