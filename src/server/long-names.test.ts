import { expect, test } from 'vitest';
import { startServerCore, workload } from '../../test/support/server-core.ts';
import type { CoreEvent } from '../api/kinds/event.ts';
import type { KubeObject } from '../api/object.ts';

const named = (object: KubeObject, name: string): KubeObject => ({ ...object, metadata: { ...object.metadata, name } });

test('what is made for an owner has a name, however long the owner’s is', async () => {
  const { act, list, join, quiet, end } = await startServerCore();
  await join('n1');
  const longest = 'x'.repeat(253);
  await act({ verb: 'create', resource: 'daemonsets.apps', object: named(workload('DaemonSet', 'app:1'), longest) });
  const set = { ...named(workload('Deployment', 'app:1'), longest), kind: 'ReplicaSet' };
  await act({ verb: 'create', resource: 'replicasets.apps', object: set });
  await quiet();
  expect(list('controllerrevisions.apps')).toHaveLength(1);
  const owners = list('pods').map(({ metadata }) => metadata.ownerReferences?.[0]?.kind ?? '');
  expect(new Set(owners)).toEqual(new Set(['DaemonSet', 'ReplicaSet']));
  await end();
});

test.each([199, 235])('events are told of objects whose names have a dash where an event’s name is cut (%i)', async (length) => {
  const { act, list, join, quiet, end } = await startServerCore();
  await join('n1');
  const name = `${'x'.repeat(length)}-${'y'.repeat(10)}`;
  const set = { ...named(workload('Deployment', 'app:1'), name), kind: 'ReplicaSet' };
  await act({ verb: 'create', resource: 'replicasets.apps', object: set });
  await quiet();
  const told = list<CoreEvent>('events').filter(({ involvedObject }) => involvedObject.name === name);
  expect(told.map(({ reason }) => reason)).toEqual(['SuccessfulCreate']);
  await end();
});
