import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../generated/types.ts';
import { podQosClass, podRequests } from './requests.ts';

function pod(spec: Partial<PodSpec>): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [], ...spec } };
}

const asks = (name: string, requests: Readonly<Record<string, string>>, more: Partial<Container> = {}): Container => ({
  name,
  resources: { requests },
  ...more,
});

function checkRequests(spec: Partial<PodSpec>, expected: Readonly<Record<string, number>>): void {
  expect(podRequests(pod(spec))).toEqual({ pods: 1, ...expected });
}

const MI = 1024 * 1024;

test('containers are summed', () => {
  checkRequests({}, {});
  checkRequests(
    {
      containers: [
        asks('a', { cpu: '100m', memory: '64Mi' }),
        asks('b', { cpu: '1.5', 'example.com/gpu': '2', 'ephemeral-storage': '1Gi' }),
      ],
    },
    { cpu: 1600, memory: 64 * MI, 'example.com/gpu': 2, 'ephemeral-storage': 1024 * MI },
  );
});

test('an init container counts only above the sum', () => {
  const containers = [asks('a', { cpu: '1', memory: '64Mi' })];
  checkRequests({ containers, initContainers: [asks('i', { cpu: '500m', memory: '128Mi' })] }, { cpu: 1000, memory: 128 * MI });
});

test('a sidecar runs beside what follows it', () => {
  const sidecar = asks('s', { cpu: '200m' }, { restartPolicy: 'Always' });
  checkRequests({ containers: [asks('a', { cpu: '1' })], initContainers: [sidecar, asks('i', { cpu: '1' })] }, { cpu: 1200 });
  checkRequests({ containers: [asks('a', { cpu: '100m' })], initContainers: [sidecar, asks('i', { cpu: '1' })] }, { cpu: 1200 });
  checkRequests({ containers: [asks('a', { cpu: '100m' })], initContainers: [asks('i', { cpu: '1' }), sidecar] }, { cpu: 1000 });
});

test('overhead is added and pod-level requests hold', () => {
  checkRequests({ containers: [asks('a', { cpu: '1' })], overhead: { cpu: '100m' } }, { cpu: 1100 });
  checkRequests({ containers: [asks('a', { cpu: '1' })], resources: { requests: { cpu: '2' } } }, { cpu: 2000 });
});

function checkQos(expected: string, ...resources: readonly ResourceRequirements[]): void {
  expect(podQosClass(pod({ containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })) }))).toBe(
    expected,
  );
}

test('quality of service', () => {
  const full = { cpu: '1', memory: '1Gi' };
  checkQos('BestEffort', {});
  checkQos('BestEffort', { requests: { cpu: '0' } });
  checkQos('BestEffort', { requests: { 'ephemeral-storage': '1Gi' } });
  checkQos('Guaranteed', { limits: full, requests: full });
  checkQos('Guaranteed', { limits: full, requests: { cpu: '1000m', memory: '1024Mi' } });
  checkQos('Burstable', { limits: full, requests: { ...full, cpu: '500m' } });
  checkQos('Burstable', { limits: { cpu: '1' }, requests: { cpu: '1' } });
  checkQos('Burstable', { limits: full, requests: full }, {});
  checkQos('Burstable', { requests: { memory: '1Mi' } });
});

test('a pod never asks for less than any of its containers', () => {
  const amount = fc.integer({ min: 0, max: 4000 }).map((milli) => `${milli}m`);
  fc.assert(
    fc.property(fc.array(amount, { minLength: 1 }), fc.array(fc.tuple(amount, fc.boolean())), (cpus, inits) => {
      const containers = cpus.map((cpu, index) => asks(`c${index}`, { cpu }));
      const initContainers = inits.map(([cpu, sidecar], index) =>
        asks(`i${index}`, { cpu }, sidecar ? { restartPolicy: 'Always' } : {}),
      );
      const { cpu = 0 } = podRequests(pod({ containers, initContainers }));
      for (const text of [...cpus, ...inits.map(([each]) => each)]) expect(cpu).toBeGreaterThanOrEqual(Number.parseInt(text));
    }),
  );
});
