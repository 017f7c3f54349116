import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { deleted, nodeWith, NODE_ITEM, podItem, type FakeNode } from '../../test/support/fake-node.ts';

/** Probes from end to end on a fake engine: what they find is told, holds, and restarts what has failed. */
const CONTAINER = (attempt = 0, container = 'app') => `skr_${container}_web_default_uid-web_${attempt}`;
const HTTP = { httpGet: { path: '/ok', port: 80 }, periodSeconds: 10, failureThreshold: 3 };

function stateOf(node: FakeNode, container = 'app') {
  const status = node.status('uid-web');
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((one) => one.name === container);
}

const conditionOf = (node: FakeNode, type: string) => node.status('uid-web')?.conditions?.find((one) => one.type === type);

const fails = (node: FakeNode) =>
  (node.answer = async () => ({ result: 'failure', message: 'HTTP probe failed with statuscode: 503' }));
const succeeds = (node: FakeNode) => (node.answer = async () => ({ result: 'success' }));

test('a pod is ready when its probe says so, loses that after three failures, and all are told', async () => {
  const node = await nodeWith([]);
  fails(node);
  await node.set([NODE_ITEM, podItem('web', { containers: [{ readinessProbe: HTTP }] })]);
  expect(stateOf(node)).toMatchObject({ ready: false, started: true });
  const message = 'containers with unready status: [app]';
  expect(conditionOf(node, 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady', message });
  expect(conditionOf(node, 'ContainersReady')).toMatchObject({ status: 'False', reason: 'ContainersNotReady', message });
  const heard: boolean[] = [];
  node.loop().readiness.onChange((uid) => heard.push(node.loop().readiness.isReady(uid)));
  succeeds(node);
  await node.advance(10_000);
  expect(stateOf(node)).toMatchObject({ ready: true, restartCount: 0 });
  expect(conditionOf(node, 'Ready')).toMatchObject({ status: 'True' });
  expect(heard.at(-1)).toBe(true);
  fails(node);
  await node.advance(20_000);
  expect(stateOf(node)?.ready).toBe(true);
  await node.advance(10_000);
  expect(stateOf(node)?.ready).toBe(false);
  expect(heard.at(-1)).toBe(false);
  expect(node.events('Unhealthy')[0]).toMatchObject({
    type: 'Warning',
    message: 'Readiness probe failed: HTTP probe failed with statuscode: 503',
    involved: { fieldPath: 'spec.containers{app}' },
  });
});

test('readiness and started hold over a restart of the agent, and its counters begin anew', async () => {
  const startupProbe = { ...HTTP, failureThreshold: 1 };
  const node = await nodeWith([podItem('web', { containers: [{ readinessProbe: HTTP, startupProbe, livenessProbe: HTTP }] })]);
  await node.advance(0);
  expect(stateOf(node)).toMatchObject({ ready: true, started: true });
  fails(node);
  await node.advance(20_000);
  const reported = node.ledger.reports.length;
  node.crash();
  await node.boot();
  // Two tries failed before; the third is the first of this process, and startup is not tried again.
  await node.advance(10_000);
  expect(stateOf(node)).toMatchObject({ ready: true, started: true, restartCount: 0 });
  expect(node.ledger.reports.slice(reported).filter((report) => report.class === 'state')).toEqual([]);
  await node.advance(30_000);
  expect(stateOf(node)?.ready).toBe(false);
  expect(node.events('Killing')[0]?.message).toBe('Container app failed liveness probe, will be restarted');
});

test('a container that is found dead is stopped in the grace of its probe and started again', async () => {
  const livenessProbe = { ...HTTP, terminationGracePeriodSeconds: 4 };
  const deaf = { command: ['sh', '-c', 'while true; do sleep 1; done'], livenessProbe };
  const node = await nodeWith([podItem('web', { containers: [deaf], spec: { restartPolicy: 'OnFailure' } })]);
  fails(node);
  await node.advance(30_000);
  expect(node.events('Killing').map(({ message }) => message)).toEqual([
    'Container app failed liveness probe, will be restarted',
  ]);
  expect(stateOf(node)?.restartCount).toBe(0);
  node.crash();
  await node.boot();
  await node.advance(4_000);
  expect(stateOf(node)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'Error' } } });
  expect(node.engine.starts.at(-1)).toBe(CONTAINER(1));
});

test('what a probe has stopped runs again though it ended well, but under the policy Never', async () => {
  const item = (restartPolicy: string) => podItem('web', { containers: [{ livenessProbe: HTTP }], spec: { restartPolicy } });
  const again = await nodeWith([item('OnFailure')]);
  fails(again);
  await again.advance(30_000);
  expect(stateOf(again)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 0 } } });
  const once = await nodeWith([item('Never')]);
  fails(once);
  await once.advance(30_000);
  expect(once.events('Killing').at(-1)?.message).toBe('Container app failed liveness probe');
  expect(once.status('uid-web')?.phase).toBe('Succeeded');
});

test('nothing else is tried before a startup probe has succeeded; one that fails restarts', async () => {
  const tried: string[] = [];
  const probe = (port: number, failureThreshold = 3) => ({ httpGet: { port }, periodSeconds: 5, failureThreshold });
  const container = { startupProbe: probe(1, 4), readinessProbe: probe(2), livenessProbe: probe(3) };
  const node = await nodeWith([]);
  let isUp = false;
  node.answer = async (request) => {
    tried.push(String(request.port));
    return isUp ? { result: 'success' } : { result: 'failure', message: 'not yet' };
  };
  await node.set([NODE_ITEM, podItem('web', { containers: [container] })]);
  await node.advance(14_000);
  expect(tried.join('')).toBe('111');
  expect(stateOf(node)).toMatchObject({ started: false, ready: false, restartCount: 0 });
  await node.advance(1_000);
  expect(node.events('Killing').map(({ message }) => message)).toEqual(['Container app failed startup probe, will be restarted']);
  expect(stateOf(node)).toMatchObject({ started: false, restartCount: 1 });
  isUp = true;
  await node.advance(5_000);
  expect(stateOf(node)).toMatchObject({ started: true, ready: true });
  tried.length = 0;
  await node.advance(10_000);
  expect([...new Set(tried)].toSorted()).toEqual(['2', '3']);
});

test('the next init container waits until the sidecar before it has started; a pod is ready when its sidecars are', async () => {
  const sidecar = { name: 'side', restartPolicy: 'Always', startupProbe: HTTP, readinessProbe: HTTP };
  const node = await nodeWith([]);
  fails(node);
  await node.set([NODE_ITEM, podItem('web', { init: [sidecar] })]);
  expect(node.engine.starts.at(-1)).toBe(CONTAINER(0, 'side'));
  expect(conditionOf(node, 'Initialized')).toMatchObject({ message: 'containers with incomplete status: [side]' });
  node.answer = async (request) => (request.type === 'http' ? { result: 'success' } : { result: 'failure', message: '' });
  await node.advance(10_000);
  expect(node.engine.starts.at(-1)).toBe(CONTAINER());
  expect(conditionOf(node, 'Ready')?.status).toBe('True');
  fails(node);
  await node.advance(30_000);
  expect(conditionOf(node, 'Ready')).toMatchObject({ message: 'containers with unready status: [side]' });
  expect(stateOf(node)?.ready).toBe(true);
});

test('exec: the exit code counts, a slow command fails, an engine that is away counts for nothing', async () => {
  const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 10, failureThreshold: 1 };
  const slow = { exec: { command: ['sh', '-c', 'sleep 5'] }, timeoutSeconds: 2, periodSeconds: 10, failureThreshold: 1 };
  const node = await nodeWith([podItem('web', { containers: [{ livenessProbe }, { readinessProbe: slow }] })]);
  node.engine.execCodes.set(`${CONTAINER()}: check`, 0);
  await node.advance(2_000);
  expect(stateOf(node, 'app-1')?.ready).toBe(false);
  expect(node.events('Unhealthy').map(({ message }) => message)).toEqual([
    'Readiness probe failed: command timed out: "sh -c sleep 5" timed out after 2s',
  ]);
  node.engine.fault = { type: 'absent' };
  await node.advance(60_000);
  node.engine.fault = undefined;
  await node.advance(60_000);
  expect(stateOf(node)).toMatchObject({ ready: true, restartCount: 0 });
  node.engine.execCodes.set(`${CONTAINER()}: check`, 1);
  await node.advance(10_000);
  expect(stateOf(node)?.restartCount).toBe(1);
});

test('an engine that is away keeps nobody from knowing that a pod serves no more', async () => {
  const node = await nodeWith([podItem('web', { containers: [{ readinessProbe: HTTP }] })]);
  await node.advance(0);
  node.engine.fault = { type: 'absent' };
  fails(node);
  await node.advance(60_000);
  expect(node.loop().readiness.isReady('uid-web')).toBe(false);
});

test('nor does a disk that takes nothing', async () => {
  const node = await nodeWith([podItem('web', { containers: [{ readinessProbe: HTTP, command: ['run'] }] })]);
  await node.advance(0);
  const isReady = () => node.loop().readiness.isReady('uid-web');
  expect(isReady()).toBe(true);
  node.ledger.beforeCommit = () => {
    throw new SkerryError('DiskFull', 'commit');
  };
  node.engine.exit(CONTAINER(), 1);
  await node.advance(5_000);
  expect(isReady()).toBe(false);
  node.ledger.beforeCommit = () => undefined;
  await node.advance(60_000);
  expect([isReady(), stateOf(node)?.restartCount]).toEqual([true, 1]);
});

test('a death counts at once, though the engine is too busy with it to be looked at', async () => {
  const node = await nodeWith([podItem('web'), podItem('two', { containers: [{ name: 'app' }, { name: 'side' }] })]);
  await node.advance(0);
  const { readiness } = node.loop();
  const heard: string[] = [];
  readiness.onChange((uid) => heard.push(`${uid} ${readiness.isReady(uid)}`));
  node.engine.fault = { type: 'hang' };
  node.engine.exit(CONTAINER(), 137);
  node.engine.exit('skr_side_two_default_uid-two_0', 1);
  await node.advance(0);
  expect(heard).toEqual(['uid-web false', 'uid-two false']);
  node.engine.fault = undefined;
  await node.advance(120_000);
  expect([stateOf(node)?.restartCount, readiness.isReady('uid-web'), readiness.isReady('uid-two')]).toEqual([1, true, true]);
});

test('a pod on its way out is not restarted, and its readiness goes on to be told', async () => {
  const item = podItem('web', {
    containers: [{ command: ['sh', '-c', 'while true; do sleep 1; done'], livenessProbe: HTTP, readinessProbe: HTTP }],
  });
  const node = await nodeWith([item]);
  await node.advance(0);
  fails(node);
  await node.set([NODE_ITEM, deleted(item, 60)]);
  await node.advance(40_000);
  expect(stateOf(node)).toMatchObject({ ready: false, restartCount: 0 });
  expect(node.events('Killing').map(({ message }) => message)).toEqual(['Stopping container app']);
});
