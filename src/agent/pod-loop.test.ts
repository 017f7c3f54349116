import { expect, test } from 'vitest';
import { deleted, type FakeNode, NODE_ITEM, nodeWith, podItem, script } from '../../test/support/fake-node.ts';
import type { Item } from '#api/link/items.ts';
import { SkerryError } from '#lib/error.ts';

const SANDBOX = (name: string, attempt = 0) => `skr_POD_${name}_default_uid-${name}_${attempt}`;
const CONTAINER = (name: string, attempt = 0, container = 'app') => `skr_${container}_${name}_default_uid-${name}_${attempt}`;

function stateOf(node: FakeNode, name: string, container = 'app') {
  const status = node.status(`uid-${name}`);
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((one) => one.name === container);
}

function conditionsOf(node: FakeNode, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries((node.status(`uid-${name}`)?.conditions ?? []).map(({ type, status }) => [type, status]));
}

test('a pod runs, is wired and told of', async () => {
  const node = await nodeWith([podItem('web')]);
  expect(node.engine.starts).toEqual([SANDBOX('web'), CONTAINER('web')]);
  expect(node.status('uid-web')).toMatchObject({ phase: 'Running', podIP: '10.32.0.1', hostIP: '192.0.2.1' });
  expect(stateOf(node, 'web')).toMatchObject({ ready: true, started: true, restartCount: 0, state: { running: {} } });
  expect(conditionsOf(node, 'web')).toEqual({
    PodReadyToStartContainers: 'True',
    Initialized: 'True',
    Ready: 'True',
    ContainersReady: 'True',
  });
  expect(node.events().map(({ reason }) => reason)).toEqual(['Pulled', 'Created', 'Started']);
  const reported = node.ledger.reports.length;
  await node.advance(600_000);
  expect(node.ledger.reports.length).toBe(reported);
  expect(node.engine.starts.length).toBe(2);
});

test('init containers run one after the other, sidecars stay, then the rest start', async () => {
  const init = [
    script('sleep 2; exit 0'),
    { name: 'side', restartPolicy: 'Always' },
    { name: 'last', ...script('sleep 1; exit 0') },
  ];
  const node = await nodeWith([podItem('web', { init })]);
  expect(node.engine.starts).toEqual([SANDBOX('web'), CONTAINER('web', 0, 'init-0')]);
  expect(stateOf(node, 'web')).toMatchObject({ state: { waiting: { reason: 'PodInitializing' } } });
  expect(node.status('uid-web')?.phase).toBe('Pending');
  expect(conditionsOf(node, 'web')).toMatchObject({ Initialized: 'False', PodReadyToStartContainers: 'True' });
  await node.advance(2_000);
  expect(node.engine.starts.slice(2)).toEqual([CONTAINER('web', 0, 'side'), CONTAINER('web', 0, 'last')]);
  await node.advance(1_000);
  expect(node.engine.starts.slice(4)).toEqual([CONTAINER('web')]);
  expect(node.status('uid-web')?.phase).toBe('Running');
  node.engine.exit(CONTAINER('web', 0, 'side'), 1);
  await node.advance(0);
  expect(node.engine.starts.slice(5)).toEqual([CONTAINER('web', 1, 'side')]);
});

test('readiness gates: Ready waits for what others say of the pod, and nothing is restarted for it', async () => {
  const gated = podItem('web', { spec: { readinessGates: [{ conditionType: 'a/b' }, { conditionType: 'c/d' }] } });
  const node = await nodeWith([gated]);
  const readyOf = () => node.status('uid-web')?.conditions?.find(({ type }) => type === 'Ready');
  expect(conditionsOf(node, 'web')).toMatchObject({ ContainersReady: 'True', Ready: 'False' });
  await node.set([NODE_ITEM, { ...gated, gates: { 'a/b': 'False' } }]);
  expect(readyOf()).toMatchObject({
    reason: 'ReadinessGatesNotReady',
    message:
      'the status of pod readiness gate "a/b" is not "True", but False, corresponding condition of pod readiness gate "c/d" does not exist.',
  });
  await node.set([NODE_ITEM, { ...gated, gates: { 'a/b': 'True', 'c/d': 'True' } }]);
  expect(readyOf()).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: expect.any(String) });
  const reported = node.ledger.reports.length;
  node.crash();
  await node.boot();
  expect([readyOf()?.status, node.ledger.reports.length]).toEqual(['True', reported]);
  await node.set([NODE_ITEM, { ...gated, gates: { 'a/b': 'True', 'c/d': 'Unknown' } }]);
  expect(readyOf()?.status).toBe('False');
  expect(node.engine.starts).toEqual([SANDBOX('web'), CONTAINER('web')]);
});

test('a crashing container is started at once, then after 10 s, 20 s … 5 min, over restarts of the agent', async () => {
  const node = await nodeWith([podItem('web', { containers: [script('exit 1')] })]);
  const attempts = () => node.engine.starts.length - 2;
  expect(attempts()).toBe(1);
  expect(stateOf(node, 'web')).toMatchObject({
    restartCount: 1,
    ready: false,
    state: {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=app pod=web_default(uid-web)' },
    },
    lastState: { terminated: { exitCode: 1, reason: 'Error' } },
  });
  for (const [index, waitMs] of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000].entries()) {
    await node.advance(waitMs - 1_000);
    expect(attempts()).toBe(index + 1);
    node.crash();
    await node.boot();
    expect(attempts()).toBe(index + 1);
    await node.advance(1_000);
    expect(attempts()).toBe(index + 2);
  }
  expect(node.status('uid-web')?.phase).toBe('Running');
});

test('ten minutes of running make a crash the first one again', async () => {
  const node = await nodeWith([podItem('web')]);
  for (const attempt of [0, 1]) {
    node.engine.exit(CONTAINER('web', attempt), 1);
    await node.advance(11_000);
  }
  await node.advance(601_000);
  node.engine.exit(CONTAINER('web', 2), 1);
  await node.settle();
  expect(node.engine.starts.at(-1)).toBe(CONTAINER('web', 3));
});

test('restart policies Never and OnFailure end in a verdict that outlives the agent', async () => {
  const never = (name: string, text: string) => podItem(name, { containers: [script(text)], spec: { restartPolicy: 'Never' } });
  const onFailure = podItem('retry', { containers: [script('sleep 1; exit 3')], spec: { restartPolicy: 'OnFailure' } });
  const node = await nodeWith([never('good', 'exit 0'), never('bad', 'exit 4'), onFailure]);
  expect(node.status('uid-good')?.phase).toBe('Succeeded');
  expect(stateOf(node, 'good')).toMatchObject({ state: { terminated: { exitCode: 0, reason: 'Completed' } }, restartCount: 0 });
  expect(node.status('uid-bad')?.phase).toBe('Failed');
  const verdicts = node.ledger.reports.flatMap((report) => (report.class === 'decision' ? [report.body] : []));
  expect(verdicts).toEqual([
    { type: 'verdict', uid: 'uid-good', phase: 'Succeeded', reason: '', message: '' },
    { type: 'verdict', uid: 'uid-bad', phase: 'Failed', reason: '', message: '' },
  ]);
  await node.advance(1_000);
  expect(node.engine.starts.filter((name) => name.includes('retry')).length).toBe(3);
  node.powerCut();
  await node.boot();
  await node.advance(60_000);
  expect(node.engine.starts.filter((name) => /good|bad/.test(name)).length).toBe(4);
  // Its sandbox and address are given back; its dead container stays for its log.
  expect(
    node.engine
      .containers()
      .filter(({ podUid }) => podUid === 'uid-good')
      .map(({ name }) => name),
  ).toEqual(['app']);
  expect(node.status('uid-good')).toMatchObject({ podIP: '10.32.0.1' });
  expect(node.ledger.memory().rows('addresses').has('uid-good')).toBe(false);
});

test('a deleted pod is stopped in its grace, removed and told gone', async () => {
  const node = await nodeWith([podItem('web'), podItem('deaf', { containers: [script('while true; do sleep 1; done')] })]);
  await node.set([
    NODE_ITEM,
    deleted(podItem('web'), 30),
    deleted(podItem('deaf', { containers: [script('while true; do sleep 1; done')] }), 30),
  ]);
  expect(node.report('uid-web')).toMatchObject({ gone: true, status: { phase: 'Succeeded' } });
  expect(node.report('uid-deaf')?.gone).toBeUndefined();
  await node.advance(20_000);
  node.crash();
  await node.boot();
  await node.advance(9_000);
  expect(node.report('uid-deaf')?.gone).toBeUndefined();
  await node.advance(1_000);
  expect(node.report('uid-deaf')).toMatchObject({ gone: true, status: { phase: 'Failed' } });
  // The kubelet tells no signal: its runtimes do not.
  expect(stateOf(node, 'deaf')?.state?.terminated).toMatchObject({ exitCode: 137 });
  expect(stateOf(node, 'deaf')?.state?.terminated).not.toHaveProperty('signal');
  expect(node.engine.containers()).toEqual([]);
  expect([...node.volumes, ...node.wired]).toEqual([]);
  const reported = node.ledger.reports.length;
  node.crash();
  await node.boot();
  await node.advance(120_000);
  expect(node.ledger.reports.length).toBe(reported);
  await node.set([NODE_ITEM]);
  expect(node.ledger.memory().rows('pods').size).toBe(0);
});

test('a pod that is gone begins anew where a restored database has never deleted it', async () => {
  const node = await nodeWith([podItem('web')]);
  await node.set([NODE_ITEM, deleted(podItem('web'), 30)]);
  expect(node.report('uid-web')).toMatchObject({ gone: true });
  await node.set([NODE_ITEM, podItem('web')]);
  expect(stateOf(node, 'web')).toMatchObject({ restartCount: 0, state: { running: {} } });
});

test('a second delete with a shorter grace shortens the wait', async () => {
  const deaf = podItem('deaf', { containers: [script('while true; do sleep 1; done')] });
  const node = await nodeWith([deaf]);
  await node.set([NODE_ITEM, deleted(deaf, 600)]);
  await node.advance(5_000);
  await node.set([NODE_ITEM, deleted(deaf, 2)]);
  expect(node.report('uid-deaf')).toMatchObject({ gone: true });
});

test('sidecars are stopped after the others, the last one first', async () => {
  const init = [
    { name: 'one', restartPolicy: 'Always' },
    { name: 'two', restartPolicy: 'Always' },
  ];
  const item = podItem('web', { init });
  const node = await nodeWith([item]);
  await node.set([NODE_ITEM, deleted(item, 30)]);
  expect(node.events('Killing').map(({ message }) => message)).toEqual([
    'Stopping container app',
    'Stopping container two',
    'Stopping container one',
  ]);
});

test('nothing is removed under an unknown incarnation, and all of it once that is confirmed', async () => {
  const node = await nodeWith([podItem('web'), podItem('api')]);
  const before = node.engine.starts.length;
  await node.set([NODE_ITEM, deleted(podItem('api'), 1), podItem('new')], false);
  await node.advance(300_000);
  const running = () => node.engine.containers().filter(({ state }) => state === 'running').length;
  expect(running()).toBe(6);
  expect(node.engine.starts.length).toBe(before + 2);
  await node.set([NODE_ITEM, podItem('new')], true);
  expect(running()).toBe(2);
  expect(node.ledger.memory().rows('pods').size).toBe(1);
});

test('what is not ours is never touched', async () => {
  const node = await nodeWith([]);
  const { signal } = new AbortController();
  const other = node.engine.runtime('node-2');
  const labels = { podUid: 'x', container: '', attempt: 0, sandboxAttempt: 0, hash: '' };
  await other.createSandbox(
    {
      name: 'skr_POD_x_default_x_0',
      labels,
      hostname: 'x',
      hostNetwork: false,
      hostPid: false,
      hostIpc: false,
      sysctls: {},
      cpuShares: 2,
    },
    signal,
  );
  await node.set([NODE_ITEM, podItem('web')]);
  await node.set([NODE_ITEM]);
  await node.advance(300_000);
  expect(node.engine.containers().map(({ podUid, state }) => `${podUid} ${state}`)).toEqual(['x running']);
});

test('pulls: an error, its back-off, and success', async () => {
  const node = await nodeWith([podItem('web', { containers: [{ image: 'registry.lan/app:1' }] })]);
  expect(stateOf(node, 'web')).toMatchObject({ state: { waiting: { reason: 'ErrImagePull' } } });
  expect(node.events('Pulling').length).toBe(1);
  await node.advance(5_000);
  expect(stateOf(node, 'web')?.state?.waiting?.reason).toBe('ImagePullBackOff');
  expect(stateOf(node, 'web')?.state?.waiting?.message).toContain('Back-off pulling image "registry.lan/app:1"');
  await node.advance(5_000);
  expect(node.events('Pulling').length).toBe(2);
  node.engine.registry.set('registry.lan/app:1', 'present');
  await node.advance(20_000);
  expect(node.events('Pulling').length).toBe(3);
  expect(node.status('uid-web')?.phase).toBe('Running');
});

test('pull policies: Always asks first, but starts from the disk where nobody answers; Never does not ask', async () => {
  const node = await nodeWith([
    podItem('stale', { containers: [{ imagePullPolicy: 'Always' }] }),
    podItem('none', { containers: [{ image: 'absent:1', imagePullPolicy: 'Never' }] }),
  ]);
  expect(node.status('uid-stale')?.phase).toBe('Running');
  expect(node.events('ImageStale').length).toBe(1);
  expect(stateOf(node, 'none')).toMatchObject({ state: { waiting: { reason: 'ErrImageNeverPull' } } });
  node.engine.exit(CONTAINER('stale'), 1);
  await node.settle();
  expect(node.events('Pulling').length).toBe(1);
  expect(node.status('uid-stale')?.phase).toBe('Running');
});

test('a new image restarts just that container, and only once it is there', async () => {
  const two = [{}, {}];
  const node = await nodeWith([podItem('web', { containers: two })]);
  const changed = podItem('web', { containers: [{ image: 'busybox:2' }, {}] });
  await node.set([NODE_ITEM, changed]);
  expect(node.engine.containers().find(({ name }) => name === 'app')?.state).toBe('running');
  node.engine.registry.set('busybox:2', 'present');
  await node.advance(30_000);
  expect(node.engine.starts).toEqual([SANDBOX('web'), CONTAINER('web'), CONTAINER('web', 0, 'app-1'), CONTAINER('web', 1)]);
  expect(stateOf(node, 'web')).toMatchObject({ restartCount: 1, image: 'busybox:2', state: { running: {} } });
});

test('a power cut: every container is a new attempt at once, finished ones and the back-off aside', async () => {
  const pods = ['a', 'b', 'c', 'd', 'e'].map((name) => podItem(name));
  const node = await nodeWith([...pods, podItem('loop', { containers: [script('exit 1')] })]);
  node.powerCut();
  await node.boot();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    expect(node.engine.starts.filter((one) => one.includes(`_${name}_`))).toEqual([
      SANDBOX(name),
      CONTAINER(name),
      SANDBOX(name, 1),
      CONTAINER(name, 1),
    ]);
    expect(stateOf(node, name)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 255 } } });
  }
  expect(stateOf(node, 'loop')?.state?.waiting?.reason).toBe('CrashLoopBackOff');
  expect(node.engine.containers().filter(({ name }) => name === '').length).toBe(6);
});

test('a dead sandbox: the pod is stopped and made anew with the same address', async () => {
  const node = await nodeWith([podItem('web')]);
  node.engine.exit(SANDBOX('web'), 137);
  node.wired.clear();
  await node.settle();
  expect(node.engine.starts.slice(2)).toEqual([SANDBOX('web', 1), CONTAINER('web', 1)]);
  expect(node.status('uid-web')).toMatchObject({ phase: 'Running', podIP: '10.32.0.1' });
  expect(node.events('SandboxChanged').length).toBe(1);
});

test('an engine that is away, or hangs, is told and heals by itself', async () => {
  const node = await nodeWith([podItem('web')]);
  node.engine.fault = { type: 'absent' };
  node.engine.powerCut();
  await node.advance(10_000);
  expect(node.loop().health()).toMatchObject({
    ready: false,
    message: expect.stringContaining('no container engine answers') as string,
  });
  node.engine.fault = { type: 'hang' };
  await node.advance(60_000);
  expect(node.loop().health()).toMatchObject({
    ready: false,
    message: expect.stringContaining('did not answer within') as string,
  });
  node.engine.fault = undefined;
  await node.advance(30_000);
  expect(node.loop().health()).toEqual({ ready: true });
  expect(node.engine.starts.slice(2)).toEqual([SANDBOX('web', 1), CONTAINER('web', 1)]);
});

test('a lost ledger adopts what runs', async () => {
  const node = await nodeWith([podItem('web'), podItem('api')]);
  const before = [...node.engine.starts];
  node.crash();
  // The same engine and wiring, under an agent that remembers nothing.
  await node.ledger.commit(
    ['pods', 'addresses', 'statuses', 'clock'].flatMap((kind) =>
      [...node.ledger.memory().rows(kind).keys()].map((key) => ({ kind, key, value: undefined })),
    ),
    [],
  );
  await node.boot();
  await node.advance(120_000);
  expect(node.engine.starts).toEqual(before);
  expect(node.status('uid-api')).toMatchObject({ phase: 'Running', podIP: node.wired.get('uid-api')?.address });
});

test('a disk that is full starts nothing, and what was wanted goes ahead when it is not', async () => {
  const node = await nodeWith([]);
  node.failCommits = new SkerryError('DiskFull', 'no space left on device');
  await node.set([NODE_ITEM, podItem('web')]);
  await node.advance(10_000);
  expect(node.engine.starts).toEqual([]);
  node.failCommits = undefined;
  await node.advance(60_000);
  expect(node.status('uid-web')?.phase).toBe('Running');
});

test('a missing ConfigMap is waited for, and the wait ends with its document', async () => {
  const item = podItem('web', {
    containers: [{ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } }] }],
  });
  const node = await nodeWith([item]);
  expect(stateOf(node, 'web')).toMatchObject({
    state: { waiting: { reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' } },
  });
  await node.set([
    NODE_ITEM,
    item,
    { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'settings' }, data: { a: '1' } },
  ]);
  expect(node.status('uid-web')?.phase).toBe('Running');
  expect(stateOf(node, 'web')?.restartCount).toBe(0);
});

test('what cannot be done is refused and said; what a pod can do without is said and it runs', async () => {
  const node = await nodeWith([
    podItem('odd', { spec: { runtimeClassName: 'kata' } }),
    podItem('limited', { containers: [{ resources: { limits: { 'ephemeral-storage': '1Gi' } } }] }),
  ]);
  expect(stateOf(node, 'odd')?.state?.waiting).toMatchObject({
    reason: 'Unsupported',
    message: expect.stringContaining('spec.runtimeClassName') as string,
  });
  expect(node.engine.starts.some((name) => name.includes('odd'))).toBe(false);
  expect(node.status('uid-limited')?.phase).toBe('Running');
  const messages = node.events('Unsupported').map(({ message }) => message);
  expect(messages).toContain('the limit of ephemeral-storage is not enforced by this release');
  expect(messages.length).toBe(2);
});

test('an active deadline counts running time, over restarts', async () => {
  const node = await nodeWith([podItem('web', { spec: { activeDeadlineSeconds: 60 } })]);
  await node.advance(50_000);
  node.crash();
  await node.boot();
  expect(node.status('uid-web')?.phase).toBe('Running');
  await node.advance(10_000);
  expect(node.status('uid-web')).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  expect(node.engine.containers().every(({ state }) => state === 'exited')).toBe(true);
});

test('every pod has an address of its own, and one that is freed rests', async () => {
  const pods = Array.from({ length: 60 }, (_, index) => podItem(`p${index}`));
  const node = await nodeWith(pods);
  const addresses = new Set(pods.map(({ metadata }) => node.status(metadata.uid)?.podIP));
  expect(addresses.size).toBe(60);
  await node.set([NODE_ITEM, ...pods.slice(1)]);
  await node.set([NODE_ITEM, ...pods.slice(1), podItem('fresh')]);
  expect(node.status('uid-fresh')?.podIP).toBe('10.32.0.61');
});

test('a pod whose folder went away under it is made anew, from its init containers on; one that is to run once goes on', async () => {
  const web = podItem('web', { init: [script('exit 0')], containers: [script('trap x')] });
  const once = podItem('once', { spec: { restartPolicy: 'OnFailure' } });
  const node = await nodeWith([web, once]);
  const loseFolders = () => {
    for (const { id, state, name } of node.engine.containers()) if (state === 'running' && name !== '') node.adrift.add(id);
    node.volumes.clear();
  };
  const startsOf = (pod: string) => node.engine.starts.filter((name) => name.includes(`_${pod}_`)).slice(1);
  node.crash();
  await node.boot();
  expect(startsOf('web')).toEqual([CONTAINER('web', 0, 'init-0'), CONTAINER('web')]);
  node.crash();
  loseFolders();
  await node.boot();
  expect(startsOf('web').slice(2)).toEqual([SANDBOX('web', 1), CONTAINER('web', 1, 'init-0'), CONTAINER('web', 1)]);
  expect(stateOf(node, 'web')).toMatchObject({ ready: true, restartCount: 1 });
  expect([...node.volumes.keys()].toSorted()).toEqual(['uid-once', 'uid-web']);
  // Under an agent that runs, too.
  loseFolders();
  await node.advance(120_000);
  expect(startsOf('web').slice(5)).toEqual([SANDBOX('web', 2), CONTAINER('web', 2, 'init-0'), CONTAINER('web', 2)]);
  await node.advance(600_000);
  expect(node.status('uid-web')).toMatchObject({ phase: 'Running', podIP: '10.32.0.1' });
  expect(startsOf('once')).toEqual([CONTAINER('once')]);
  expect(node.events('VolumesLost').map(({ involved, message }) => [involved.name, message.split(': ')[1]])).toEqual([
    ['web', 'its containers are stopped and started again with new volumes'],
    ['once', 'its volumes are not kept up to date any more, delete the pod to have it made anew'],
    ['web', 'its containers are stopped and started again with new volumes'],
  ]);
});

test('a pod whose folder went away, and whose volumes can not be made anew, goes on', async () => {
  const map: Item = { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'map' } };
  const web = podItem('web', { spec: { volumes: [{ name: 'v', configMap: { name: 'map' } }] }, containers: [script('trap x')] });
  const node = await nodeWith([web, map]);
  await node.set([NODE_ITEM, web]);
  node.crash();
  for (const { id } of node.engine.containers()) node.adrift.add(id);
  node.volumes.clear();
  await node.boot();
  expect(node.engine.starts).toEqual([SANDBOX('web'), CONTAINER('web')]);
  await node.set([NODE_ITEM, web, map]);
  expect(node.engine.starts.slice(2)).toEqual([SANDBOX('web', 1), CONTAINER('web', 1)]);
});
