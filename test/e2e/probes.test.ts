import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** Probes of real containers, as kubectl shows what they find: each kind of them, and what lives through an agent's death and a server's absence. */
let world: LabWorld;
let host: Host;

beforeAll(async () => {
  world = await startLabWorld(1);
  host = firstNode(world);
  await world.join(host);
});
afterAll(() => world.lab.remove());

const SERVE = 'mkdir -p /www; echo fine > /www/ok; httpd -p $PORT -h /www';
const WAIT = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
const EXEC = { exec: { command: ['cat', '/tmp/up'] } };
const EVERY_SECOND = { periodSeconds: 1, failureThreshold: 1 };

function container(name: string, script: string, change: object = {}): object {
  return { name, image: 'demo/web:1', command: ['sh', '-c', `${script}; ${WAIT}`], ...change };
}

const pod = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
});

const read = (name: string, path: string) => world.kubectl('get', 'pod', name, '-o', `jsonpath={${path}}`);
const readyOf = (name: string) => read(name, '.status.conditions[?(@.type=="Ready")].status');
const untilText = (what: string, ask: () => Promise<string>, expected: string) =>
  waitFor(`${what} to be ${expected}`, async () => ((await ask()) === expected ? true : undefined), 30_000, 20);
const inContainer = async (podName: string, name: string, ...command: readonly string[]) => {
  const found = (await appContainers(host)).find((one) => one.pod === podName && one.labels['io.skerry.container'] === name);
  return host.exec('docker', '-H', 'unix:///run/docker.sock', 'exec', found?.id ?? `no container ${name}`, ...command);
};

test('each kind of probe makes its container ready, and a flip is told within a second', async () => {
  const port = (value: number) => ({
    env: [{ name: 'PORT', value: String(value) }],
    ports: [{ name: 'web', containerPort: value }],
  });
  const http = { httpGet: { path: '/ok', port: 'web', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] } };
  await world.create(
    pod('kinds', {
      containers: [
        container('http', SERVE, { ...port(8080), readinessProbe: { ...http, ...EVERY_SECOND } }),
        container('tcp', SERVE, { ...port(8081), readinessProbe: { tcpSocket: { port: 8081 }, ...EVERY_SECOND } }),
        container('exec', 'true', { readinessProbe: { ...EXEC, ...EVERY_SECOND } }),
      ],
    }),
    pod('host', {
      hostNetwork: true,
      containers: [container('app', SERVE, { ...port(8099), readinessProbe: { ...http, ...EVERY_SECOND } })],
    }),
  );
  await untilText('the readiness of three', () => read('kinds', '.status.containerStatuses[*].ready'), 'true true false');
  await untilText('Ready on the network of the host', () => readyOf('host'), 'True');
  const why = await read('kinds', '.status.conditions[?(@.type=="ContainersReady")].message');
  expect(why).toBe('containers with unready status: [exec]');
  expect(await world.kubectl('describe', 'pod', 'kinds')).toMatch(
    /Warning +Unhealthy .*Readiness probe failed: cat: can't open '\/tmp\/up': No such file or directory/,
  );
  const took: number[] = [];
  for (const [command, expected] of [
    [['touch', '/tmp/up'], 'True'],
    [['rm', '/tmp/up'], 'False'],
    [['touch', '/tmp/up'], 'True'],
  ] as const) {
    await inContainer('kinds', 'exec', ...command);
    const beganMs = systemClock.monotonic();
    await untilText('Ready', () => readyOf('kinds'), expected);
    took.push(Math.round(systemClock.monotonic() - beganMs));
  }
  // A second at most until the next try, and one until kubectl shows it.
  expect(Math.max(...took)).toBeLessThan(2_000);
  console.log(`from a change within the container to kubectl: ${took.join(', ')} ms`);
});

test('a container that is found dead is restarted, and says why', async () => {
  const livenessProbe = { httpGet: { path: '/ok', port: 8080 }, ...EVERY_SECOND, failureThreshold: 2 };
  await world.create(
    pod('dying', { containers: [container('app', SERVE, { env: [{ name: 'PORT', value: '8080' }], livenessProbe })] }),
  );
  await untilText('the pod to be ready', () => readyOf('dying'), 'True');
  await inContainer('dying', 'app', 'rm', '/www/ok');
  await untilText('its restarts', () => read('dying', '.status.containerStatuses[0].restartCount'), '1');
  await untilText('the pod to be ready again', () => readyOf('dying'), 'True');
  const text = await waitFor('the events', async () => {
    const found = await world.kubectl('describe', 'pod', 'dying');
    return found.includes('Killing') ? found : undefined;
  });
  expect(text).toMatch(/Warning +Unhealthy .*Liveness probe failed: HTTP probe failed with statuscode: 404/);
  expect(text).toMatch(/Normal +Killing .*Container app failed liveness probe, will be restarted/);
});

test('a container that starts slowly is left alone until it has started; one that never does is restarted', async () => {
  const up = { ...EXEC, periodSeconds: 1 };
  const livenessProbe = { ...up, failureThreshold: 1 };
  const slow = container('app', 'sleep 4; touch /tmp/up', { startupProbe: { ...up, failureThreshold: 30 }, livenessProbe });
  const never = container('app', 'true', { startupProbe: { ...up, failureThreshold: 2 } });
  await world.create(pod('slow', { containers: [slow] }), pod('never', { containers: [never] }));
  await untilText('its start', () => read('slow', '.status.containerStatuses[0].started'), 'false');
  await untilText('its start', () => read('slow', '.status.containerStatuses[0].started'), 'true');
  expect(await read('slow', '.status.containerStatuses[0].restartCount')).toBe('0');
  await untilText('the other to be restarted', () => read('never', '.status.containerStatuses[0].restartCount'), '1');
  expect(await world.kubectl('describe', 'pod', 'never')).toContain('Container app failed startup probe, will be restarted');
  await world.kubectl('delete', 'pod', 'never', 'slow');
});

test('a command that takes too long is killed with what it has started, and fails', async () => {
  const command = ['sh', '-c', 'sleep 371 & sleep 372; true'];
  const livenessProbe = { exec: { command }, periodSeconds: 5, timeoutSeconds: 1, failureThreshold: 100 };
  await world.create(pod('late', { containers: [container('app', 'true', { livenessProbe })] }));
  const told = await waitFor('its event', async () => {
    const text = await world.kubectl('describe', 'pod', 'late');
    return text.includes('Liveness probe failed') ? text : undefined;
  });
  expect(told).toContain('command timed out: "sh -c sleep 371 & sleep 372; true" timed out after 1s');
  await waitFor('the command to be gone', async () => {
    const processes = await inContainer('late', 'app', 'ps');
    return /sleep 37[12]/.test(processes) ? undefined : true;
  });
  expect(await read('late', '.status.containerStatuses[0].restartCount')).toBe('0');
  await world.kubectl('delete', 'pod', 'late');
});

test('kill -9 of the agent: what was ready stays so, without a flap', async () => {
  const stateOf = () => world.kubectl('get', 'pods', 'kinds', 'host', '-o', 'jsonpath={.items[*].metadata.resourceVersion}');
  await world.create(pod('flips', { containers: [container('app', 'true', { readinessProbe: { ...EXEC, ...EVERY_SECOND } })] }));
  await untilText('Ready', () => readyOf('kinds'), 'True');
  await untilText('Ready', () => readyOf('flips'), 'False');
  const before = await stateOf();
  await world.lab.stopAgent(host, 'SIGKILL');
  world.lab.startAgent(host);
  await waitForNode(world, host.name, 'True');
  // Its probes are at it again once they have found something new.
  await inContainer('flips', 'app', 'touch', '/tmp/up');
  await untilText('Ready', () => readyOf('flips'), 'True');
  expect(await stateOf()).toBe(before);
});

test('without a server probes go on: what they find then is known afterwards', async () => {
  const livenessProbe = { ...EXEC, ...EVERY_SECOND, failureThreshold: 2 };
  await world.create(pod('alone', { containers: [container('app', 'touch /tmp/up', { livenessProbe })] }));
  await untilText('Ready', () => readyOf('alone'), 'True');
  const idOf = async () => (await appContainers(host)).find((one) => one.pod === 'alone')?.id;
  const before = await idOf();
  await world.lab.stopServer('SIGKILL');
  await inContainer('kinds', 'exec', 'rm', '/tmp/up');
  await inContainer('alone', 'app', 'rm', '/tmp/up');
  await waitFor('the next attempt', async () => {
    const now = await idOf();
    return now === undefined || now === before ? undefined : true;
  });
  await world.lab.startServer();
  await untilText('Ready', () => readyOf('kinds'), 'False');
  await untilText('restarts', () => read('alone', '.status.containerStatuses[0].restartCount'), '1');
});

test('readiness gates: Ready waits for what somebody else says, and kubectl tells so', async () => {
  const gate = 'example.com/balanced';
  await world.create(pod('gated', { readinessGates: [{ conditionType: gate }], containers: [container('app', 'true')] }));
  await untilText('its containers', () => read('gated', '.status.conditions[?(@.type=="ContainersReady")].status'), 'True');
  const say = (status: string) => {
    const patch = JSON.stringify({ status: { conditions: [{ type: gate, status }] } });
    return world.kubectl('patch', 'pod', 'gated', '--subresource=status', '-p', patch);
  };
  expect(await read('gated', '.status.conditions[?(@.type=="Ready")].reason')).toBe('ReadinessGatesNotReady');
  await say('True');
  await untilText('Ready', () => readyOf('gated'), 'True');
  expect(await world.kubectl('get', 'pod', 'gated', '-o', 'wide')).toMatch(/1\/1\s*$/);
  expect(await world.kubectl('describe', 'pod', 'gated')).toMatch(/Readiness Gates:\n.*\n +example.com\/balanced +True/);
  await say('False');
  await untilText('Ready', () => readyOf('gated'), 'False');
  expect(await read('gated', '.status.containerStatuses[0].restartCount')).toBe('0');
});
