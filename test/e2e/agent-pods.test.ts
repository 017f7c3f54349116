import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Item } from '#api/link/items.ts';
import { systemClock } from '#lib/clock.ts';
import { loadBusybox, until } from '../support/engine.ts';
import { startDockerNode, NODE_ITEM_10_32, type DockerNode } from '../support/docker-node.ts';
import { deleted, podItem, script } from '../support/fake-node.ts';
import { connect, startNetns, type Netns } from '../support/netns.ts';

/** Pods on a real engine, wired for real: what a fake cannot show. */
let node: DockerNode;
let outside: Netns;
let items: readonly Item[] = [NODE_ITEM_10_32];

const SERVE = script(
  'trap "exit 0" TERM; mkdir -p /www; echo served > /www/index.html; httpd -f -p 80 -h /www & while true; do sleep 1 & wait; done',
);

beforeAll(async () => {
  node = await startDockerNode();
  outside = await startNetns();
  await connect(node.netns, '10.9.9.1', outside, '10.9.9.2');
  await loadBusybox(node.engine.socketPath, 'busybox:1');
  node.boot();
});
afterAll(async () => {
  outside?.stop();
  await node?.stop();
});

function add(...more: readonly Item[]): void {
  items = [...items, ...more];
  node.ledger.set(items);
}

function replace(uid: string, item: Item | undefined): void {
  items = items.flatMap((one) => (one.kind === 'Pod' && one.metadata.uid === uid ? (item === undefined ? [] : [item]) : [one]));
  node.ledger.set(items);
}

test('a pod gets its environment, volumes, files, user and limits', async () => {
  const hostDir = join(node.dataDir, 'host');
  await mkdir(hostDir, { recursive: true });
  add(
    { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'settings' }, data: { color: 'red', 'app.conf': 'one' } },
    {
      kind: 'Secret',
      metadata: { namespace: 'default', name: 'token' },
      type: 'Opaque',
      data: { key: Buffer.from('hush').toString('base64') },
    },
  );
  const report = [
    'echo "env $COLOR $POD $LIMIT $NESTED"',
    'echo "arg $0 $1"',
    'echo "conf $(cat /conf/app.conf)"',
    'echo "secret $(cat /secret/key)"',
    'echo "labels $(cat /info/labels)"',
    'echo "id $(id -u):$(id -g):$(id -G)"',
    'echo "host $(hostname) $(cat /etc/hostname)"',
    'echo "hosts $(busybox grep -c 10.1.1.1 /etc/hosts) $(busybox grep -w $IP /etc/hosts)"',
    'echo data > /scratch/sub/file && echo "wrote"',
    'touch /nope 2>/dev/null || echo "read-only root"',
    'touch /conf/x 2>/dev/null || echo "read-only conf"',
    'echo "memory $(busybox df -t tmpfs /mem | busybox tail -1 | busybox awk "{print \\$2}")"',
    'busybox printf "last words" > /dev/termination-log',
    'exit 3',
  ].join('; ');
  add(
    podItem('full', {
      metadata: { labels: { tier: 'web' } },
      containers: [
        {
          command: ['sh', '-c', report.replaceAll('busybox ', '/bin/busybox ')],
          args: ['$(COLOR)', '$$(COLOR)'],
          env: [
            { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
            { name: 'NESTED', value: '$(COLOR)-$(MISSING)' },
          ],
          resources: { limits: { cpu: '500m', memory: '64Mi' } },
          securityContext: { runAsUser: 1000, runAsGroup: 1001, readOnlyRootFilesystem: true },
          volumeMounts: [
            { name: 'conf', mountPath: '/conf' },
            { name: 'secret', mountPath: '/secret' },
            { name: 'info', mountPath: '/info' },
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'mem', mountPath: '/mem' },
            { name: 'host', mountPath: '/host', subPath: 'deep/down' },
          ],
        },
      ],
      init: [
        {
          ...script('mkdir /scratch/sub; chmod 777 /scratch/sub || /bin/busybox chmod 777 /scratch/sub'),
          volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
        },
      ],
      spec: {
        restartPolicy: 'Never',
        securityContext: { supplementalGroups: [2000], fsGroup: 3000 },
        hostAliases: [{ ip: '10.1.1.1', hostnames: ['alias.lan'] }],
        volumes: [
          { name: 'conf', configMap: { name: 'settings', items: [{ key: 'app.conf', path: 'app.conf' }] } },
          { name: 'secret', secret: { secretName: 'token', defaultMode: 0o400 } },
          { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          { name: 'scratch', emptyDir: {} },
          { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'host', hostPath: { path: hostDir, type: 'Directory' } },
        ],
      },
    }),
  );
  await node.untilPhase('uid-full', 'Failed');
  const address = node.status('uid-full')?.podIP;
  expect((await node.log('uid-full')).split('\n')).toEqual([
    'env red full 64 red-$(MISSING)',
    'arg red $(COLOR)',
    'conf one',
    'secret hush',
    'labels tier="web"',
    'id 1000:1001:1001 2000 3000',
    'host full full',
    `hosts 1 ${address}\tfull`,
    'wrote',
    'read-only root',
    'read-only conf',
    'memory 1024',
    '',
  ]);
  expect(node.status('uid-full')?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    exitCode: 3,
    reason: 'Error',
    message: 'last words',
  });
  expect(existsSync(join(hostDir, 'deep/down'))).toBe(true);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  expect(mounts).toContain(`${node.dataDir}/pods/uid-full/secrets`);
  replace('uid-full', deleted(podItem('full', {}), 1));
  await until(() => node.report('uid-full')?.gone === true, 'the pod to be gone');
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('uid-full');
  expect(existsSync(join(node.dataDir, 'pods/uid-full'))).toBe(false);
  replace('uid-full', undefined);
});

test('a ConfigMap is brought up to date in a running pod, all files at once', async () => {
  const settings = (value: string): Item => ({
    kind: 'ConfigMap',
    metadata: { namespace: 'default', name: 'live' },
    data: { a: value, b: value },
  });
  const item = podItem('live', {
    containers: [
      {
        ...script('trap "exit 0" TERM; while true; do echo "$(cat /conf/a)$(cat /conf/..data/b)"; sleep 0.1; done'),
        volumeMounts: [{ name: 'conf', mountPath: '/conf' }],
      },
    ],
    spec: { volumes: [{ name: 'conf', configMap: { name: 'live' } }], terminationGracePeriodSeconds: 1 },
  });
  add(settings('1'), item);
  await node.untilPhase('uid-live', 'Running');
  await until(async () => (await node.log('uid-live')).includes('11\n'), 'the first value');
  items = items.map((one) => (one.kind === 'ConfigMap' && one.metadata.name === 'live' ? settings('2') : one));
  node.ledger.set(items);
  await until(async () => (await node.log('uid-live')).includes('22\n'), 'the second value');
  expect(node.status('uid-live')?.containerStatuses?.[0]?.restartCount).toBe(0);
  replace('uid-live', undefined);
  await until(
    async () => (await node.runtime.list('uid-live', new AbortController().signal)).length === 0,
    'the pod to be removed',
  );
});

test('pods reach each other, the node and the outside; the outside reaches host ports; a flush is made good', async () => {
  add(podItem('server', { containers: [{ ...SERVE, ports: [{ containerPort: 80, hostPort: 8080 }] }] }), podItem('client'));
  await node.untilPhase('uid-server', 'Running');
  await node.untilPhase('uid-client', 'Running');
  const server = node.status('uid-server')?.podIP ?? '';
  const client = (await node.runtime.list('uid-client', signal)).find(({ name }) => name === 'app')?.id ?? '';
  const fetch = (url: string) =>
    node.docker('exec', client, '/bin/busybox', 'timeout', '2', '/bin/busybox', 'wget', '-q', '-O', '-', url);
  await until(async () => (await fetch(`http://${server}/`).catch(() => '')) === 'served', 'pod to pod');
  const busybox = '/bin/busybox';
  const web = outside.run(
    'sh',
    '-c',
    `mkdir -p ${node.dataDir}/web && echo outer > ${node.dataDir}/web/index.html && exec timeout 60 ${busybox} httpd -f -p 90 -h ${node.dataDir}/web`,
  );
  web.catch(() => undefined);
  await until(async () => (await fetch('http://10.9.9.2:90/').catch(() => '')) === 'outer', 'pod to outside, masqueraded');
  const fromOutside = () =>
    outside.run(busybox, 'timeout', '2', '/bin/busybox', 'wget', '-q', '-O', '-', 'http://10.9.9.1:8080/').catch(() => '');
  await until(async () => (await fromOutside()).trim() === 'served', 'host port from outside');
  expect(
    (await node.netns.run(busybox, 'timeout', '2', '/bin/busybox', 'wget', '-q', '-O', '-', 'http://10.9.9.1:8080/')).trim(),
  ).toBe('served');
  expect(await fetch('http://10.9.9.1:8080/')).toBe('served');

  // Docker's way of dropping what it does not know, then somebody's flush of everything.
  await node.netns.run('iptables', '-P', 'FORWARD', 'DROP');
  expect(await fetch(`http://${server}/`).catch(() => 'dropped')).toBe('dropped');
  const network = { podCidr: '10.32.0.0/25', clusterCidr: '10.32.0.0/11', hostPorts: [] };
  await node.wiring.ensureNode(network, signal);
  expect(await fetch(`http://${server}/`)).toBe('served');
  await node.netns.run('nft', 'flush', 'ruleset');
  expect(await fetch('http://10.9.9.2:90/').catch(() => 'not masqueraded')).toBe('not masqueraded');
  await node.wiring.ensureNode(network, signal);
  expect(await fetch('http://10.9.9.2:90/')).toBe('outer');
  // What is not ours to forward is not forwarded, though we turned forwarding on.
  expect(await node.netns.run('nft', 'list', 'chain', 'ip', 'skerry', 'guard')).toContain('drop');
});

const { signal } = new AbortController();

test('an agent that restarts touches nothing; a killed container is started at once', async () => {
  const ids = async () => (await node.docker('ps', '-q', '--no-trunc')).split('\n').toSorted();
  const before = await ids();
  await node.halt();
  node.boot();
  await until(() => node.loop().health()?.ready === true, 'the agent to be up');
  await until(() => node.loop().idle(), 'the agent to rest');
  expect(await ids()).toEqual(before);
  const victim = (await node.runtime.list('uid-client', signal)).find(({ name }) => name === 'app');
  await node.docker('kill', victim?.id ?? '');
  await until(() => node.status('uid-client')?.containerStatuses?.[0]?.restartCount === 1, 'the restart');
  await until(() => node.status('uid-client')?.containerStatuses?.[0]?.ready === true, 'the container to be ready');
  expect(node.status('uid-client')?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 137 });
});

test('an out-of-memory kill, a start that fails, and the log of the attempt before', async () => {
  add(
    podItem('greedy', {
      containers: [{ ...script('x=a; while true; do x=$x$x; done'), resources: { limits: { memory: '16Mi' } } }],
      spec: { restartPolicy: 'Never' },
    }),
    podItem('broken', { containers: [{ command: ['/no/such/program'] }] }),
    podItem('twice', { containers: [script('echo "attempt at $(cat /proc/uptime)"; sleep 4; exit 1')] }),
  );
  await node.untilPhase('uid-greedy', 'Failed');
  expect(node.status('uid-greedy')?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    reason: 'OOMKilled',
    exitCode: 137,
  });
  await until(
    () => node.status('uid-broken')?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    'the back-off',
  );
  expect(node.status('uid-broken')?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
    reason: 'StartError',
    exitCode: 128,
  });
  await until(() => {
    const twice = node.status('uid-twice')?.containerStatuses?.[0];
    return twice?.restartCount === 1 && twice.state?.running !== undefined;
  }, 'the second attempt');
  await until(async () => (await node.log('uid-twice').catch(() => '')).includes('attempt'), 'its log');
  const [previous, current] = [await node.log('uid-twice', { previous: true }), await node.log('uid-twice')];
  expect(previous).toContain('attempt at');
  expect(previous).not.toBe(current);
  for (const uid of ['uid-greedy', 'uid-broken', 'uid-twice']) replace(uid, undefined);
  await until(
    async () => (await node.runtime.list(undefined, signal)).every(({ podUid }) => !/greedy|broken|twice/.test(podUid)),
    'their removal',
  );
});

test('a power cut: five pods run again within 3 s of the engine, from the disk alone', async () => {
  const names = ['one', 'two', 'three'];
  add(...names.map((name) => podItem(name)));
  for (const name of names) await node.untilPhase(`uid-${name}`, 'Running');
  const uids = [...names, 'server', 'client'].map((name) => `uid-${name}`);
  await node.halt();
  await node.engine.powerCut();
  const beganMs = systemClock.monotonic();
  node.boot();
  const startedAgain = (uid: string) => {
    const container = node.status(uid)?.containerStatuses?.[0];
    return container?.ready === true && container.lastState?.terminated?.exitCode !== undefined;
  };
  await until(() => uids.every(startedAgain), 'the pods to run');
  const tookMs = systemClock.monotonic() - beganMs;
  expect(tookMs).toBeLessThan(3_000);
  console.log(`five pods after a power cut: ${Math.round(tookMs)} ms`);
});

test('nothing is left of pods that are gone', async () => {
  items = [NODE_ITEM_10_32];
  node.ledger.set(items);
  await until(async () => (await node.runtime.list(undefined, signal)).length === 0, 'all containers to be gone', 40_000);
  await until(() => readdirSync(join(node.dataDir, 'pods')).length === 0, 'all folders to be gone');
  await until(
    () => node.ledger.memory().rows('pods').size === 0 && node.ledger.memory().rows('addresses').size === 0,
    'all rows to be gone',
  );
  expect(await node.netns.run('ip', '-o', 'link')).not.toContain('skr');
  const memory = join('/sys/fs/cgroup/memory', node.engine.cgroupParent);
  if (existsSync(memory)) expect(readdirSync(memory).filter((name) => name.startsWith('pod'))).toEqual([]);
});
