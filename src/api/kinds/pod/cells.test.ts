import { expect, test } from 'vitest';
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '../../generated/types.ts';
import { podCells } from './cells.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

type Situation = { readonly spec?: Partial<NonNullable<Pod['spec']>>; readonly status?: PodStatus; readonly deleting?: true };

function pod({ spec, status, deleting }: Situation): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', creationTimestamp: ago(300), ...(deleting === undefined ? {} : { deletionTimestamp: ago(1) }) },
    spec: { containers: [{ name: 'a' }], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

function container(name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, image: 'i', imageID: '', ready: false, restartCount: 0, state, ...more };
}

/** READY, STATUS and RESTARTS. */
function checkRow(situation: Situation, ready: string, status: string, restarts = '0'): void {
  expect(podCells(pod(situation), NOW).slice(1, 4)).toEqual([ready, status, restarts]);
}

const running: ContainerState = { running: { startedAt: ago(60) } };
const ended = (exitCode: number, more: object = {}): ContainerState => ({ terminated: { exitCode, ...more } });
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });

test('a new pod', () => {
  checkRow({ status: { phase: 'Pending' } }, '0/1', 'Pending');
  checkRow(
    { status: { phase: 'Pending', containerStatuses: [container('a', waiting('ContainerCreating'))] } },
    '0/1',
    'ContainerCreating',
  );
  checkRow(
    { status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } },
    '0/1',
    'SchedulingGated',
  );
});

test('a running pod, ready or not', () => {
  checkRow({ status: { phase: 'Running', containerStatuses: [container('a', running, { ready: true })] } }, '1/1', 'Running');
  checkRow({ status: { phase: 'Running', containerStatuses: [container('a', running)] } }, '0/1', 'Running');
});

test('restarts name the time of the last one', () => {
  const lastState = ended(1, { finishedAt: ago(303), reason: 'Error' });
  checkRow(
    { status: { phase: 'Running', containerStatuses: [container('a', running, { ready: true, restartCount: 3, lastState })] } },
    '1/1',
    'Running',
    '3 (5m3s ago)',
  );
  checkRow(
    { status: { phase: 'Running', containerStatuses: [container('a', waiting('CrashLoopBackOff'), { restartCount: 5 })] } },
    '0/1',
    'CrashLoopBackOff',
    '5',
  );
});

test('ended containers', () => {
  checkRow(
    { status: { phase: 'Succeeded', containerStatuses: [container('a', ended(0, { reason: 'Completed' }))] } },
    '0/1',
    'Completed',
  );
  checkRow({ status: { phase: 'Failed', containerStatuses: [container('a', ended(1, { reason: 'Error' }))] } }, '0/1', 'Error');
  checkRow({ status: { phase: 'Failed', containerStatuses: [container('a', ended(3))] } }, '0/1', 'ExitCode:3');
  checkRow({ status: { phase: 'Failed', containerStatuses: [container('a', ended(137, { signal: 9 }))] } }, '0/1', 'Signal:9');
  checkRow({ status: { phase: 'Failed', reason: 'Evicted' } }, '0/1', 'Evicted');
});

test('one container done, another still running', () => {
  const containerStatuses = [container('a', ended(0, { reason: 'Completed' })), container('b', running, { ready: true })];
  const spec = { containers: [{ name: 'a' }, { name: 'b' }] };
  checkRow(
    { spec, status: { phase: 'Running', containerStatuses, conditions: [{ type: 'Ready', status: 'True' }] } },
    '1/2',
    'Running',
  );
  checkRow({ spec, status: { phase: 'Running', containerStatuses } }, '1/2', 'NotReady');
  const failed = [container('a', waiting('ImagePullBackOff')), container('b', ended(1, { reason: 'Error' }))];
  checkRow({ spec, status: { phase: 'Running', containerStatuses: failed } }, '0/2', 'ImagePullBackOff');
});

test('init containers', () => {
  const spec = { initContainers: [{ name: 'x' }, { name: 'y' }] };
  const main = [container('a', waiting('PodInitializing'))];
  const status = (...initContainerStatuses: readonly ContainerStatus[]): Situation => ({
    spec,
    status: { phase: 'Pending', initContainerStatuses, containerStatuses: main },
  });
  checkRow(status(container('x', running), container('y', waiting('PodInitializing'))), '0/1', 'Init:0/2');
  checkRow(status(container('x', ended(0)), container('y', running)), '0/1', 'Init:1/2');
  checkRow(status(container('x', waiting('CrashLoopBackOff'), { restartCount: 2 })), '0/1', 'Init:CrashLoopBackOff', '2');
  checkRow(status(container('x', ended(1, { reason: 'Error' }))), '0/1', 'Init:Error');
  checkRow(status(container('x', ended(7))), '0/1', 'Init:ExitCode:7');
  checkRow(status(container('x', ended(9, { signal: 9 }))), '0/1', 'Init:Signal:9');
  checkRow(status(container('x', ended(0)), container('y', ended(0))), '0/1', 'PodInitializing');
});

test('sidecars count as containers', () => {
  const spec = { initContainers: [{ name: 's', restartPolicy: 'Always' }] };
  const sidecar = container('s', running, {
    ready: true,
    started: true,
    restartCount: 1,
    lastState: ended(1, { finishedAt: ago(60) }),
  });
  const a = container('a', running, { ready: true });
  checkRow(
    { spec, status: { phase: 'Running', initContainerStatuses: [sidecar], containerStatuses: [a] } },
    '2/2',
    'Running',
    '1 (60s ago)',
  );
});

test('a pod that goes, or whose node is lost', () => {
  const containerStatuses = [container('a', running, { ready: true })];
  checkRow({ deleting: true, status: { phase: 'Running', containerStatuses } }, '1/1', 'Terminating');
  checkRow({ deleting: true, status: { phase: 'Running', reason: 'NodeLost', containerStatuses } }, '1/1', 'Unknown');
  checkRow(
    { deleting: true, status: { phase: 'Succeeded', containerStatuses: [container('a', ended(0, { reason: 'Completed' }))] } },
    '0/1',
    'Completed',
  );
});

test('the wide cells', () => {
  expect(podCells(pod({}), NOW).slice(4)).toEqual(['5m', '<none>', '<none>', '<none>', '<none>']);
  const wide = pod({
    spec: { nodeName: 'n1', readinessGates: [{ conditionType: 'x/y' }, { conditionType: 'x/z' }] },
    status: { podIPs: [{ ip: '10.0.0.1' }], nominatedNodeName: 'n2', conditions: [{ type: 'x/y', status: 'True' }] },
  });
  expect(podCells(wide, NOW).slice(4)).toEqual(['5m', '10.0.0.1', 'n1', 'n2', '1/2']);
});
