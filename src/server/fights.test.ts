import { expect, test } from 'vitest';
import { startServerCore, workload } from '../../test/support/server-core.ts';
import type { Pod } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/object.ts';

/** A ReplicaSet of one pod that names its node, so that no scheduler can put it elsewhere. */
function pinned(tolerationSeconds?: number): KubeObject {
  const object = workload('Deployment', 'app:1', { replicas: 1 });
  const { template } = object['spec'] as { readonly template: { readonly spec: object } };
  const tolerations = [{ key: 'drain', operator: 'Exists', effect: 'NoExecute', tolerationSeconds }];
  return {
    ...object,
    kind: 'ReplicaSet',
    spec: {
      ...(object['spec'] as object),
      template: {
        ...template,
        spec: { ...template.spec, nodeName: 'n1', ...(tolerationSeconds === undefined ? {} : { tolerations }) },
      },
    },
  };
}

/** The node is tainted and away, so that what is evicted never goes; pods after `minutes`. */
async function podsAfter(set: KubeObject, minutes: number): Promise<readonly Pod[]> {
  const { act, list, join, quiet, patch, clock, end } = await startServerCore();
  await join('n1');
  await patch(
    'nodes',
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
    {
      spec: { taints: [{ key: 'drain', effect: 'NoExecute' }] },
    },
  );
  await quiet();
  await clock.advance(5 * 60_000);
  await act({ verb: 'create', resource: 'replicasets.apps', object: set });
  await clock.advance(minutes * 60_000);
  const pods = list<Pod>('pods');
  await end();
  return pods;
}

test('a set whose pods are evicted as soon as they are made does not fill the cluster with them', async () => {
  expect((await podsAfter(pinned(), 30)).length).toBeLessThan(20);
});

test('patience with a taint counts from when the pod is there, too', async () => {
  const pods = await podsAfter(pinned(60), 5);
  expect(pods.length).toBeGreaterThan(2);
  expect(pods.length).toBeLessThan(7);
});
