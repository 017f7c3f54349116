import { expect, test } from 'vitest';
import { startServerCore, workload } from '../../test/support/server-core.ts';
import { builtinResources } from '../api/kinds/builtin.ts';
import type { CoreEvent } from '../api/kinds/event.ts';
import type { Node } from '../api/kinds/node.ts';
import { isPodReady, type Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';
import { rfc3339 } from '../lib/clock.ts';

const images = (pods: readonly Pod[]) => pods.map(({ spec }) => `${spec?.nodeName} ${spec?.containers[0]?.image}`).toSorted();

test('an empty cluster gets its namespaces, accounts and bundles; a node its addresses, and pods only once it is ready', async () => {
  const { list, quiet, join, end } = await startServerCore();
  await quiet();
  const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
  expect(list('namespaces').map(({ metadata }) => metadata.name)).toEqual(namespaces);
  expect(list('serviceaccounts').map(({ metadata }) => metadata.namespace)).toEqual(namespaces);
  expect(list('configmaps').map(({ metadata }) => metadata.namespace)).toEqual(namespaces);
  await join('n1');
  await join('n2');
  expect(list<Node>('nodes').map(({ spec }) => [spec?.podCIDR, spec?.taints ?? []])).toEqual([
    ['10.32.0.0/25', []],
    ['10.32.0.128/25', []],
  ]);
  await end();
});

test('a Deployment rolls out, is rolled back as kubectl does it, and goes with all that is its', async () => {
  const { act, patch, list, join, live, quiet, end } = await startServerCore();
  await quiet();
  for (const name of ['n1', 'n2']) await join(name);
  const made = await act({
    verb: 'create',
    resource: 'deployments.apps',
    object: workload('Deployment', 'app:1', { replicas: 4 }),
  });
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1', 'n2 app:1', 'n2 app:1']);
  const to = (image: string) =>
    patch('deployments.apps', made as KubeObject, { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });
  await to('broken');
  await live(['broken']);
  expect(list<Pod>('pods').filter(isPodReady).length).toBeGreaterThanOrEqual(3);
  await to('app:1');
  await live(['broken']);
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1', 'n2 app:1', 'n2 app:1']);
  const [deployment] = list('deployments.apps');
  expect(deployment).toMatchObject({
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '3' } },
    status: { replicas: 4, readyReplicas: 4, updatedReplicas: 4, availableReplicas: 4 },
  });
  await act({ verb: 'delete', resource: 'deployments.apps', namespace: 'default', name: 'web', propagationPolicy: 'Foreground' });
  await live();
  expect(['deployments.apps', 'replicasets.apps', 'pods'].flatMap((resource) => list(resource))).toEqual([]);
  await end();
});

test('orphaning a Deployment leaves its set, and another of the same selector takes it over', async () => {
  const { act, list, join, live, quiet, end } = await startServerCore();
  await quiet();
  await join('n1');
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  const uids = list('pods').map(({ metadata }) => metadata.uid);
  await act({ verb: 'delete', resource: 'deployments.apps', namespace: 'default', name: 'web', propagationPolicy: 'Orphan' });
  await live();
  expect(list('deployments.apps')).toEqual([]);
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  expect(list('pods').map(({ metadata }) => metadata.uid)).toEqual(uids);
  expect(list('replicasets.apps')).toHaveLength(1);
  await end();
});

test('a node that falls silent keeps its pods, blocks no rollout, and is updated on its return', async () => {
  const { clock, act, patch, list, join, beat, live, quiet, end } = await startServerCore();
  await quiet();
  for (const name of ['n1', 'n2', 'n3']) await join(name);
  const made = await act({ verb: 'create', resource: 'daemonsets.apps', object: workload('DaemonSet', 'app:1') });
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n2 app:1', 'n3 app:1']);
  for (let seconds = 0; seconds < 60; seconds += 10) {
    await clock.advance(10_000);
    for (const name of ['n1', 'n3']) await beat(name);
  }
  await quiet();
  const silent = list<Node>('nodes').find(({ metadata }) => metadata.name === 'n2');
  expect(silent?.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
  });
  expect(silent?.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  expect(
    list<Pod>('pods')
      .filter((pod) => !isPodReady(pod))
      .map(({ spec }) => spec?.nodeName),
  ).toEqual(['n2']);
  await patch('daemonsets.apps', made as KubeObject, {
    spec: { template: { spec: { containers: [{ name: 'c', image: 'app:2' }] } } },
  });
  await live([], ['n2']);
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:2', 'n2 app:1', 'n3 app:2']);
  expect(list<Pod>('pods').filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  await beat('n2');
  await patch(
    'nodes',
    silent as Node,
    { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(clock.now()) }] } },
    'status',
  );
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:2', 'n2 app:2', 'n3 app:2']);
  await end();
});

test('a namespace goes with everything in it, and nothing else', async () => {
  const { act, list, join, live, quiet, end } = await startServerCore();
  await quiet();
  await join('n1');
  await act({
    verb: 'create',
    resource: 'namespaces',
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
  });
  await quiet();
  for (const namespace of ['team', 'default'])
    await act({
      verb: 'create',
      resource: 'deployments.apps',
      object: workload('Deployment', 'app:1', { replicas: 2 }, namespace),
    });
  await live();
  await act({ verb: 'delete', resource: 'namespaces', namespace: '', name: 'team' });
  await live();
  expect(list('namespaces').some(({ metadata }) => metadata.name === 'team')).toBe(false);
  expect(builtinResources.filter(({ namespaced }) => namespaced).flatMap(({ id }) => list(id, 'team'))).toEqual([]);
  expect(list('pods', 'default')).toHaveLength(2);
  await end();
});

test('a deleted node takes its pods along, and their owner makes others elsewhere', async () => {
  const { clock, act, list, join, beat, live, quiet, end } = await startServerCore();
  await quiet();
  for (const name of ['n1', 'n2']) await join(name);
  await act({ verb: 'create', resource: 'deployments.apps', object: workload('Deployment', 'app:1', { replicas: 2 }) });
  await live();
  await act({ verb: 'delete', resource: 'nodes', namespace: '', name: 'n2' });
  for (let seconds = 0; seconds < 50; seconds += 10) {
    await clock.advance(10_000);
    await beat('n1');
  }
  await live();
  expect(images(list<Pod>('pods'))).toEqual(['n1 app:1', 'n1 app:1']);
  await end();
});

test('why a pod waits stands in its event and its condition', async () => {
  const { act, list, join, quiet, end } = await startServerCore();
  await quiet();
  await join('n1');
  const spec = { containers: [{ name: 'c', image: 'app', resources: { requests: { cpu: '64' } } }] };
  await act({
    verb: 'create',
    resource: 'pods',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'big', namespace: 'default' }, spec },
  });
  await quiet();
  const message =
    '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
  expect(list<Pod>('pods')[0]?.status?.conditions).toMatchObject([
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
  ]);
  expect(list<CoreEvent>('events').filter(({ reason }) => reason === 'FailedScheduling')).toMatchObject([
    { type: 'Warning', message, source: { component: 'default-scheduler' }, involvedObject: { kind: 'Pod', name: 'big' } },
  ]);
  await end();
});
