import { expect, test } from 'vitest';
import { aNode, aPod, owner } from '../../test/support/cluster-objects.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { storeCarrier } from '../../test/support/store-carrier.ts';
import type { CoreEvent } from '../api/kinds/event.ts';
import type { Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';
import { apiError, forbiddenError } from '../api/status.ts';
import { seededIds } from '../lib/ids.ts';
import { silentLog } from '../lib/log.ts';
import type { Change } from '../rest/change.ts';
import type { Carrier } from './carry-out.ts';
import type { Controller } from './controllers/controller.ts';
import { deploymentController } from './controllers/deployment/deployment.ts';
import { replicaSetController } from './controllers/replica-set.ts';
import { startLoops } from './loops.ts';
import { openStore } from './store/store.ts';

/** Loops over a real store; `refuse` makes the pipeline refuse some changes. */
async function setUp(refuse: (change: Change) => unknown = () => undefined, others: readonly Controller[] = []) {
  const [clock, ids] = [manualClock(), seededIds(3)];
  const store = await openStore({ file: ':memory:', firstStart: true, clock, ids, log: silentLog });
  const carrier = storeCarrier(store.storage, clock, ids);
  const change: Carrier = async (wanted, author, signal) => {
    const error = refuse(wanted);
    if (error !== undefined) throw error;
    return await carrier(wanted, author, signal);
  };
  const stop = new AbortController();
  const loops = startLoops(
    {
      storage: store.storage,
      view: store.view,
      change,
      controllers: [...others, deploymentController, replicaSetController],
      clock,
      ids,
      log: silentLog,
    },
    stop.signal,
  );
  const put = (resource: string, object: KubeObject) => {
    const { namespace = '', name = '' } = object.metadata;
    return store.storage.commit([{ key: { resource, namespace, name }, object }]);
  };
  const quiet = async () => {
    for (let turns = 0; turns < 500; turns += 1) {
      await clock.advance(10);
      if (loops.idle()) return;
    }
  };
  const end = async () => {
    stop.abort();
    await clock.advance(10);
    await loops.done;
    await store.close();
  };
  return { store, clock, loops, put, quiet, end };
}

const aDeployment = (replicas: number): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 1 },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { schedulerName: 'default-scheduler', containers: [{ name: 'c', image: 'app' }] },
    },
  },
});

const messages = (events: readonly KubeObject[]) =>
  (events as readonly CoreEvent[]).map(({ reason, message, count }) => `${reason}: ${message} ×${count}`);

test('from a Deployment to bound pods, spread over the nodes, with the events that tell of it', async () => {
  const { store, put, quiet, end } = await setUp();
  for (const name of ['n1', 'n2', 'n3']) await put('nodes', aNode(name));
  await put('deployments.apps', aDeployment(6));
  await quiet();
  const pods = store.view().list('pods') as readonly Pod[];
  expect(pods.map(({ spec }) => String(spec?.nodeName)).toSorted()).toEqual(['n1', 'n1', 'n2', 'n2', 'n3', 'n3']);
  const told = messages(store.view().list('events'));
  expect(told.filter((line) => line.startsWith('Scheduled: Successfully assigned default/web-'))).toHaveLength(6);
  expect(told.filter((line) => line.startsWith('SuccessfulCreate: Created pod: web-'))).toHaveLength(6);
  expect(told.filter((line) => line.startsWith('ScalingReplicaSet: Scaled up replica set web-'))).toHaveLength(1);
  await end();
});

test('a pod that finds no node says why, once, and goes as soon as there is room', async () => {
  const { store, clock, put, quiet, end } = await setUp();
  await put('pods', aPod('web'));
  await quiet();
  const pod = () => store.view().get('pods', 'default', 'web') as Pod;
  expect(pod().status?.conditions).toMatchObject([
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no nodes available to schedule pods' },
  ]);
  await clock.advance(180_000);
  expect(messages(store.view().list('events'))).toEqual([
    expect.stringMatching(/^FailedScheduling: no nodes available to schedule pods ×[345]$/),
  ]);
  await put('nodes', aNode('n1'));
  await quiet();
  expect(pod().spec?.nodeName).toBe('n1');
  await end();
});

test('a bind that fails is taken back and tried again, and never binds twice', async () => {
  let binds = 0;
  const { store, clock, put, quiet, end } = await setUp((change) => {
    if (change.verb !== 'bind') return undefined;
    binds += 1;
    return binds <= 2 ? apiError('ServiceUnavailable', 'disk full') : undefined;
  });
  await put('nodes', aNode('n1', { allocatable: { pods: '1' } }));
  await put('pods', aPod('web'));
  await quiet();
  await clock.advance(1_000);
  expect((store.view().get('pods', 'default', 'web') as Pod).spec?.nodeName).toBe('n1');
  expect(binds).toBe(3);
  await end();
});

test('what the pipeline refuses is met once at a time, told as an event, and tried again later', async () => {
  let refusals = 0;
  let open = false;
  const { store, clock, put, quiet, end } = await setUp((change) => {
    if (open || change.verb !== 'create' || change.resource !== 'pods') return undefined;
    refusals += 1;
    return forbiddenError({ group: '', name: 'pods' }, '', 'exceeded quota');
  });
  await put('deployments.apps', aDeployment(100));
  await quiet();
  expect(refusals).toBeLessThan(20);
  expect(
    messages(store.view().list('events')).some((line) =>
      line.startsWith('FailedCreate: Error creating: pods is forbidden: exceeded quota ×'),
    ),
  ).toBe(true);
  open = true;
  await clock.advance(70_000);
  expect(store.view().list('pods')).toHaveLength(100);
  await end();
});

test('a burst of events about one object is cut off, and the same one is counted', async () => {
  const { store, clock, loops, quiet, end } = await setUp();
  const { kind, name, uid } = owner('web');
  const about = { kind, name, uid, namespace: 'default' };
  for (let turn = 0; turn < 10; turn += 1)
    loops.events.record('test', about, { type: 'Normal', reason: 'Same', message: 'again' });
  for (let turn = 0; turn < 100; turn += 1)
    loops.events.record('test', about, { type: 'Normal', reason: 'Other', message: `m${turn}` });
  await quiet();
  const told = messages(store.view().list('events'));
  expect(told).toContain('Same: again ×10');
  expect(told).toHaveLength(16);
  await clock.advance(11 * 60_000);
  for (let turn = 0; turn < 5; turn += 1)
    loops.events.record('test', about, { type: 'Normal', reason: 'Late', message: `late${turn}` });
  await quiet();
  expect(messages(store.view().list('events')).filter((line) => line.startsWith('Late'))).toHaveLength(2);
  await end();
});

test('a controller that stumbles over an object keeps nothing from the others', async () => {
  const clumsy = {
    name: 'clumsy',
    keys: () => [],
    keysOf: () => {
      throw new Error('no such field');
    },
    reconcile: () => ({ changes: [] }),
  };
  const { store, put, quiet, end } = await setUp(undefined, [clumsy]);
  await put('nodes', aNode('n1'));
  await put('deployments.apps', aDeployment(1));
  await quiet();
  expect((store.view().list('pods')[0] as Pod).spec?.nodeName).toBe('n1');
  await end();
});
