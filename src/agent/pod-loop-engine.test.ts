import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { silentLog } from '#lib/log.ts';
import { createFakeNode, deleted, type FakeNode, NODE_ITEM, nodeWith, podItem } from '../../test/support/fake-node.ts';

/** What an engine may do to the pod loop: its odd answers, and its troubles with one call. */

/** The next calls of this name fail so. */
function failCalls(node: FakeNode, name: string, times: number, error: SkerryError): void {
  let left = times;
  node.engine.onCall = (call, when) => {
    if (call !== name || when !== 'before' || left === 0) return;
    left -= 1;
    throw error;
  };
}

test('an error of any length holds nothing up: neither its own pod nor another', async () => {
  const node = await nodeWith([]);
  failCalls(node, 'createContainer', 1, new SkerryError('EngineRefused', `<html>${'\u0000'.repeat(200_000)}`));
  await node.set([NODE_ITEM, podItem('web')]);
  expect(node.events('Failed').length).toBe(1);
  expect(node.status('uid-web')?.containerStatuses?.[0]?.state?.waiting?.message).toContain('<html>');
  await node.set([NODE_ITEM, podItem('web'), podItem('api')]);
  await node.advance(2_000);
  expect([node.status('uid-web')?.phase, node.status('uid-api')?.phase]).toEqual(['Running', 'Running']);
});

test('after a boot no pod is ready before this boot has seen it, though the engine hangs and the agent is started again', async () => {
  const node = await nodeWith([podItem('web'), podItem('api')]);
  const ready = () => ['uid-web', 'uid-api'].filter((uid) => node.loop().readiness.isReady(uid));
  expect(ready()).toEqual(['uid-web', 'uid-api']);
  node.powerCut();
  node.engine.fault = { type: 'hang' };
  await node.boot();
  expect(ready()).toEqual([]);
  // One pod is planned, and that is on the disk; of the other nothing is heard in this process's life.
  node.engine.fault = undefined;
  let commits = 0;
  node.ledger.beforeCommit = () => {
    commits += 1;
    if (commits === 1) return;
    node.engine.fault = { type: 'hang' };
    throw new SkerryError('DiskFull', 'commit');
  };
  await node.advance(30_000);
  expect(commits).toBeGreaterThan(1);
  node.crash();
  node.ledger.beforeCommit = () => undefined;
  await node.boot();
  expect(ready()).toEqual([]);
  node.engine.fault = undefined;
  await node.advance(120_000);
  expect(ready()).toEqual(['uid-web', 'uid-api']);
  node.crash();
  node.engine.fault = { type: 'hang' };
  await node.boot();
  expect(ready()).toEqual(['uid-web', 'uid-api']);
});

test('an engine that fails one call is looked at again at once, and is ready before the next look is due', async () => {
  const node = await nodeWith([]);
  failCalls(node, 'createContainer', 1, new SkerryError('EngineTimeout', 'the container engine did not answer within 120 s'));
  await node.set([NODE_ITEM, podItem('web'), podItem('api')]);
  await node.advance(3_000);
  expect(node.loop().health()).toEqual({ ready: true });
  expect([node.status('uid-web')?.phase, node.status('uid-api')?.phase]).toEqual(['Running', 'Running']);
});

test('a document that comes before the first look says nothing of the engine', async () => {
  const node = createFakeNode();
  node.engine.addImage('busybox:1');
  node.engine.fault = { type: 'slow', delayMs: 5_000 };
  await node.boot();
  await node.set([NODE_ITEM, podItem('web')]);
  expect(node.loop().health()).toBeUndefined();
  await node.advance(60_000);
  expect(node.loop().health()).toEqual({ ready: true });
  expect(node.status('uid-web')?.phase).toBe('Running');
});

test('sandboxes that can not be started do not pile up', async () => {
  const node = await nodeWith([]);
  node.engine.sandboxFault = 'no space left on device';
  await node.set([NODE_ITEM, podItem('web')]);
  await node.advance(3_600_000);
  expect(node.events('FailedCreatePodSandBox').length).toBeGreaterThan(10);
  expect(node.engine.containers().length).toBeLessThanOrEqual(2);
  node.engine.sandboxFault = undefined;
  await node.advance(60_000);
  expect(node.status('uid-web')?.phase).toBe('Running');
  expect(node.engine.containers().length).toBe(2);
});

test('a container that does not die is killed again and again, and that is told once', async () => {
  const node = await nodeWith([podItem('web')]);
  // A process that waits for a dead disk hears no signal.
  failCalls(node, 'signalContainer', Infinity, new SkerryError('EngineRefused', 'PID 77 is zombie and can not be killed'));
  await node.set([NODE_ITEM, deleted(podItem('web'), 0)]);
  await node.advance(600_000);
  expect(node.report('uid-web')?.gone).toBeUndefined();
  expect(node.events('Killing').length).toBe(1);
  node.engine.onCall = () => undefined;
  await node.advance(120_000);
  expect(node.report('uid-web')?.gone).toBe(true);
});

test('rules that can not be kept have the node looked at no more than before', async () => {
  const node = await nodeWith([podItem('web')]);
  node.rulesFault = new SkerryError('ToolMissing', 'iptables is not installed on this node');
  await node.advance(60_000);
  const calls = node.calls();
  await node.advance(600_000);
  expect(node.calls() - calls).toBeLessThan(200);
  expect(node.loop().health()).toEqual({ ready: true });
});

test('rules that somebody took are back within ten seconds', async () => {
  const node = await nodeWith([podItem('web')]);
  node.flushed = true;
  await node.advance(9_000);
  expect(node.flushed).toBe(false);
});

test('the log hears once that the engine is away, where and what to do, and once that it is back', async () => {
  const told: string[] = [];
  const tell = (facts: { readonly why?: string; readonly remedy?: string }, text: string) =>
    void told.push([text, facts.why, facts.remedy].join(' | '));
  // Only what is told here matters.
  const log = { ...silentLog, child: () => log, warn: tell, info: tell } as unknown as typeof silentLog;
  const node = createFakeNode(log);
  const engineTold = () => told.splice(0).filter((line) => line.startsWith('the container engine'));
  node.engine.fault = { type: 'absent' };
  await node.boot();
  await node.set([NODE_ITEM]);
  await node.advance(300_000);
  const away = expect.stringMatching(/can not be used.*unix:\/\/\/fake.sock: .*no container engine answers.*--docker/);
  expect(engineTold()).toEqual([away]);
  node.engine.fault = undefined;
  await node.advance(60_000);
  expect(engineTold()).toEqual(['the container engine is back |  | ']);
  await node.advance(300_000);
  expect(engineTold()).toEqual([]);
  node.engine.fault = { type: 'absent' };
  await node.advance(300_000);
  expect(engineTold()).toEqual([away]);
  expect(node.loop().health()).toMatchObject({ message: expect.stringContaining('unix:///fake.sock') });
});
