import { expect, test } from 'vitest';
import { aPod, owner, type PodWords } from '../../../test/support/cluster-objects.ts';
import { sentenceOf, viewOf } from '../../../test/support/view-of.ts';
import type { ReplicaSet } from '../../api/kinds/replica-set.ts';
import { replicaSetController } from './replica-set.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const READY = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] };

function aSet(replicas: number, words: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'app' }] } },
      ...words,
    },
    status: { replicas: 0 },
  };
}

function ownedPod(name: string, words: PodWords = {}) {
  return aPod(name, { owner: owner('web'), ...words, metadata: { labels: { app: 'web' }, ...words.metadata } });
}

function outcome(set: ReplicaSet, pods: readonly ReturnType<typeof aPod>[]) {
  const view = viewOf([{ resource: 'replicasets.apps', object: set }, ...pods.map((object) => ({ resource: 'pods', object }))]);
  return replicaSetController.reconcile('default/web', view, NOW);
}

function checkChanges(set: ReplicaSet, pods: readonly ReturnType<typeof aPod>[], expected: readonly string[]) {
  expect(
    outcome(set, pods)
      .changes.map(sentenceOf)
      .filter((sentence) => !sentence.includes('/status')),
  ).toEqual(expected);
}

test('missing pods are made, ended and going ones do not count', () => {
  checkChanges(aSet(2), [], ['create pods web-*', 'create pods web-*']);
  const pods = [
    ownedPod('done', { status: { phase: 'Succeeded' } }),
    ownedPod('going', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    ownedPod('here'),
  ];
  checkChanges(aSet(2), pods, ['create pods web-*']);
});

test('a pod is made from the template, owned by the set', () => {
  const [change] = outcome(aSet(1), []).changes;
  expect(change).toMatchObject({
    verb: 'create',
    object: {
      metadata: {
        generateName: 'web-',
        labels: { app: 'web' },
        ownerReferences: [{ kind: 'ReplicaSet', uid: 'uid-web', controller: true }],
      },
      spec: { containers: [{ image: 'app' }] },
    },
  });
});

test('no more than 500 pods are asked for at once', () => {
  expect(outcome(aSet(10_000), []).changes.filter(({ verb }) => verb === 'create')).toHaveLength(500);
});

test('surplus pods go in the order of what they are worth', () => {
  const pods = [
    ownedPod('ready-old', { node: 'a', status: READY }),
    ownedPod('cheap', {
      node: 'b',
      status: READY,
      metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1' } },
    }),
    ownedPod('unready', { node: 'c', status: { phase: 'Running' } }),
    ownedPod('pending', { node: 'd' }),
    ownedPod('unbound'),
  ];
  const order = ['unbound', 'pending', 'unready', 'cheap', 'ready-old'];
  for (const keep of [4, 3, 2, 1, 0])
    checkChanges(
      aSet(keep),
      pods,
      order.slice(0, 5 - keep).map((name) => `delete pods ${name}`),
    );
});

test('of pods alike one of those crowded on a node goes, then the younger', () => {
  const at = (minute: number) => ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: `2026-01-01T00:${minute}:00Z` }],
  });
  const pods = [
    ownedPod('a1', { node: 'a', status: at(10) }),
    ownedPod('b1', { node: 'b', status: at(59) }),
    ownedPod('a2', { node: 'a', status: at(10) }),
  ];
  checkChanges(aSet(2), pods, ['delete pods a1']);
  checkChanges(aSet(1), pods.slice(0, 2), ['delete pods b1']);
});

test('of pods that are not ready the one that fails most goes, not the one that failed last', () => {
  const unready = (at: string, restarts: number, sidecarRestarts = 0) => ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: `2026-01-01T${at}Z` }],
    containerStatuses: [{ name: 'c', restartCount: restarts, ready: false, image: '', imageID: '' }],
    initContainerStatuses: [
      { name: 'setup', restartCount: 9 - sidecarRestarts, ready: false, image: '', imageID: '' },
      { name: 'proxy', restartCount: sidecarRestarts, ready: false, image: '', imageID: '' },
    ],
  });
  const spec = {
    initContainers: [
      { name: 'setup', image: 'i' },
      { name: 'proxy', image: 'i', restartPolicy: 'Always' },
    ],
  };
  const pods = [
    ownedPod('just-failed', { node: 'a', status: unready('00:59:59', 0), spec }),
    ownedPod('loops', { node: 'b', status: unready('00:00:00', 5), spec }),
    ownedPod('proxy-loops', { node: 'c', status: unready('00:00:00', 0, 3), spec }),
  ];
  checkChanges(aSet(2), pods, ['delete pods loops']);
  checkChanges(aSet(1), pods, ['delete pods loops', 'delete pods proxy-loops']);
});

test('orphans that match are adopted and count; what no longer matches is let go', () => {
  const orphan = aPod('orphan', { metadata: { labels: { app: 'web' } } });
  const foreign = aPod('foreign', { metadata: { labels: { app: 'web' } }, owner: owner('other') });
  const stray = ownedPod('stray', { metadata: { labels: { app: 'else' } } });
  checkChanges(aSet(2), [orphan, foreign, stray], ['update pods stray', 'update pods orphan', 'create pods web-*']);
});

test('a set that is going neither makes nor adopts pods', () => {
  const going = { ...aSet(2), metadata: { ...aSet(2).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  checkChanges(going, [aPod('orphan', { metadata: { labels: { app: 'web' } } })], []);
});

test('the status counts what there is, and availability is looked at again when it is due', () => {
  const pods = [
    ownedPod('old', { status: READY }),
    ownedPod('young', {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:59:50Z' }] },
    }),
    ownedPod('pending'),
  ];
  const { changes, afterMs } = outcome(aSet(3, { minReadySeconds: 30 }), pods);
  expect(changes).toMatchObject([
    {
      verb: 'patch',
      subresource: 'status',
      patch: { status: { replicas: 3, fullyLabeledReplicas: 3, readyReplicas: 2, availableReplicas: 1, observedGeneration: 1 } },
    },
  ]);
  expect(afterMs).toBe(20_000);
});

test('nothing to do is nothing done', () => {
  const set: ReplicaSet = {
    ...aSet(1),
    status: { replicas: 1, fullyLabeledReplicas: 1, terminatingReplicas: 0, observedGeneration: 1 },
  };
  expect(outcome(set, [ownedPod('here')])).toMatchObject({ changes: [] });
});

test('news of a pod concern its set, those of an orphan every set that would take it', () => {
  const view = viewOf([{ resource: 'replicasets.apps', object: aSet(1) }]);
  const keys = (before?: ReturnType<typeof aPod>, after?: ReturnType<typeof aPod>) =>
    replicaSetController.keysOf(
      { resource: 'pods', ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) },
      view,
    );
  expect(keys(ownedPod('p'))).toEqual(['default/web']);
  expect(keys(undefined, aPod('p', { metadata: { labels: { app: 'web' } } }))).toEqual(['default/web']);
  expect(keys(undefined, aPod('p'))).toEqual([]);
});
