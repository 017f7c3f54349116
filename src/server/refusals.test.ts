import { expect, test } from 'vitest';
import { startServerCore, workload } from '../../test/support/server-core.ts';
import type { DaemonSet } from '../api/kinds/daemon-set.ts';
import type { Deployment } from '../api/kinds/deployment.ts';
import type { CoreEvent } from '../api/kinds/event.ts';
import type { ReplicaSet } from '../api/kinds/replica-set.ts';
import type { KubeObject } from '../api/object.ts';

/** A workload whose pods are refused: they run as an account that is not there. */
function refused(kind: 'Deployment' | 'DaemonSet'): KubeObject {
  const object = workload(kind, 'app:1', kind === 'Deployment' ? { replicas: 2 } : {});
  const { template } = object['spec'] as { readonly template: { readonly spec: object } };
  return {
    ...object,
    spec: {
      ...(object['spec'] as object),
      template: { ...template, spec: { ...template.spec, serviceAccountName: 'robot' } },
    },
  };
}

const ROBOT = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'default' } };
const WHY = 'serviceaccount "robot" not found';

function conditionOf(object: { readonly status?: { readonly conditions?: readonly { readonly type: string }[] } } | undefined) {
  return object?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
}

test('a ReplicaSet whose pods are refused says so, its Deployment too, until they are taken', async () => {
  const { act, list, join, live, quiet, clock, end } = await startServerCore();
  await join('n1');
  await act({ verb: 'create', resource: 'deployments.apps', object: refused('Deployment') });
  await quiet();
  const failure = { status: 'True', reason: 'FailedCreate', message: expect.stringContaining(WHY) };
  const [set] = list<ReplicaSet>('replicasets.apps');
  expect([conditionOf(set), set?.status?.observedGeneration]).toEqual([expect.objectContaining(failure), 1]);
  const [deployment] = list<Deployment>('deployments.apps');
  expect(conditionOf(deployment)).toMatchObject(failure);
  expect(deployment?.status).toMatchObject({ unavailableReplicas: 2 });
  const { resourceVersion } = set?.metadata ?? {};
  await clock.advance(10 * 60_000);
  // Tried again and again, said once.
  expect(list<ReplicaSet>('replicasets.apps')[0]?.metadata.resourceVersion).toBe(resourceVersion);

  await act({ verb: 'create', resource: 'serviceaccounts', object: ROBOT });
  // The other one has fallen silent by now.
  await join('n2');
  await clock.advance(60_000);
  await live();
  const [healed] = list<ReplicaSet>('replicasets.apps');
  expect([healed?.status?.conditions, healed?.status?.readyReplicas]).toEqual([undefined, 2]);
  expect(conditionOf(list<Deployment>('deployments.apps')[0])).toBeUndefined();
  await end();
});

test('a DaemonSet whose pods are refused counts all the same', async () => {
  const { act, list, join, quiet, end } = await startServerCore();
  await join('n1');
  await act({ verb: 'create', resource: 'daemonsets.apps', object: refused('DaemonSet') });
  await quiet();
  expect(list<DaemonSet>('daemonsets.apps')[0]?.status).toMatchObject({ desiredNumberScheduled: 1, observedGeneration: 1 });
  await end();
});

test('a Deployment whose ReplicaSet is refused has failed to progress', async () => {
  const { act, list, quiet, end } = await startServerCore();
  await quiet();
  const object = workload('Deployment', 'app:1');
  // One byte too many, once the set's hash is added to its name.
  await act({
    verb: 'create',
    resource: 'deployments.apps',
    object: { ...object, metadata: { name: 'x'.repeat(250), namespace: 'default' } },
  });
  await quiet();
  const [deployment] = list<Deployment>('deployments.apps');
  expect(deployment?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError' }),
  );
  expect(list<CoreEvent>('events').filter(({ reason }) => reason === 'ReplicaSetCreateError')).toMatchObject([
    { type: 'Warning', involvedObject: { kind: 'Deployment' } },
  ]);
  await end();
});
