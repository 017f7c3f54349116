import { expect, test } from 'vitest';
import { podItem } from '../../../test/support/fake-node.ts';
import type { PodItem } from '#api/link/items.ts';
import { hostPortsOf } from '../host-ports.ts';
import { toleratedEvents, unsupportedFields } from './unsupported.ts';

function checkUnsupported(item: PodItem, expected: readonly string[]): void {
  expect(unsupportedFields(item)).toEqual(expected);
}

test('what an ordinary manifest asks for can be done', () => {
  checkUnsupported(podItem('web'), []);
  checkUnsupported(
    podItem('web', {
      spec: {
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        serviceAccountName: 'default',
        enableServiceLinks: true,
        securityContext: {},
        tolerations: [{ operator: 'Exists' }],
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'b', projected: { sources: [{ configMap: { name: 'c' } }] } },
        ],
      },
      containers: [
        {
          readinessProbe: {},
          resources: { limits: { cpu: '1', memory: '1Gi' } },
          ports: [{ containerPort: 80, hostPort: 80, hostIP: '192.0.2.1' }],
        },
      ],
    }),
    [],
  );
});

test('each thing that cannot be done is named by its path', () => {
  // A field that this release has never heard of, as a later server may send it.
  const later = { ...podItem('web').spec, fromTheFuture: { on: true } } as PodItem['spec'];
  checkUnsupported({ ...podItem('web'), spec: later }, ['spec.fromTheFuture']);
  checkUnsupported({ ...podItem('web'), features: ['gpu'] }, ['feature gpu']);
  checkUnsupported(podItem('web', { spec: { runtimeClassName: 'kata', workloadRef: { name: 'x' } } as object }), [
    'spec.runtimeClassName',
    'spec.workloadRef',
  ]);
  const container = {
    lifecycle: { preStop: { exec: { command: ['x'] } }, stopSignal: 'SIGINT' },
    volumeDevices: [{ name: 'd', devicePath: '/dev/x' }],
    resources: { limits: { 'nvidia.com/gpu': '1' } },
    securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } },
  };
  checkUnsupported(podItem('web', { containers: [container] }), [
    'spec.containers[0].volumeDevices',
    'spec.containers[0].lifecycle.preStop',
    'spec.containers[0].securityContext.seccompProfile.type=Localhost',
    'spec.containers[0].resources nvidia.com/gpu',
  ]);
  checkUnsupported(podItem('web', { spec: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'c' } }] } }), [
    'spec.volumes[0].persistentVolumeClaim',
  ]);
});

test('an address of the node that is none is refused, and becomes no rule', () => {
  for (const hostIP of ['::1', 'lo', '0.0.0.0/0 accept\nip daddr 192.0.2.1']) {
    const item = podItem('web', { containers: [{ ports: [{ containerPort: 80, hostPort: 80, hostIP }] }] });
    checkUnsupported(item, [`spec.containers[0].ports hostIP ${JSON.stringify(hostIP)}`]);
    expect(hostPortsOf(item, '10.32.0.1')).toEqual([]);
  }
});

test('what a pod runs without is told of, each once', () => {
  const limited = podItem('web', {
    containers: [{ resources: { limits: { 'ephemeral-storage': '1Gi' } } }],
    spec: {
      volumes: [
        { name: 'disk', emptyDir: { sizeLimit: '1Gi' } },
        { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
        { name: 'free', emptyDir: { sizeLimit: '0' } },
      ],
    },
  });
  expect(toleratedEvents(limited).map(({ message }) => message)).toEqual([
    'the limit of ephemeral-storage is not enforced by this release',
    'the sizeLimit of volume "disk" is not enforced by this release',
  ]);
});
