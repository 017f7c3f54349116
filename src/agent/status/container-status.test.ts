import { expect, test } from 'vitest';
import type { Container, ContainerStatus } from '#api/generated/types.ts';
import { createFakeNode, NODE_ITEM, podItem, script } from '../../../test/support/fake-node.ts';

/** The status of a pod's only container, once nothing more is to be done for it. */
async function checkStatus(container: Partial<Container>, expected: Partial<ContainerStatus>): Promise<void> {
  const node = createFakeNode();
  node.engine.addImage('busybox:1');
  await node.boot();
  await node.set([NODE_ITEM, podItem('web', { containers: [container], spec: { restartPolicy: 'Never' } })]);
  expect(node.status('uid-web')?.containerStatuses?.[0]).toMatchObject(expected);
}

test('what a container was given is told with it, once there is one', async () => {
  const resources = { requests: { cpu: '100m' }, limits: { memory: '64Mi' } };
  const given = { resources, allocatedResources: { cpu: '100m' } };
  await checkStatus({ resources }, { started: true, ready: true, ...given });
  await checkStatus({ resources, ...script('exit 3') }, { started: false, ready: false, ...given });
  await checkStatus({ resources: { limits: {} } }, { resources: { limits: {} } });
});
