import { expect, test } from 'vitest';
import type { Pod, PodCondition, PodSpec, PodStatus } from '../../generated/types.ts';
import { setCondition } from '../conditions.ts';
import { bindPod, validateBinding } from './binding.ts';
import { isActive, isPodAvailable, podGracePeriodSeconds } from './state.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

function pod(spec: Partial<PodSpec>, status: PodStatus = {}, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', uid: 'u', ...metadata },
    spec: { containers: [], ...spec },
    status,
  };
}

function checkGrace(of: Pod, requested: number | undefined, expected: number): void {
  expect(podGracePeriodSeconds(of, requested)).toBe(expected);
}

test('grace: what was asked, else the spec’s; none where nothing runs', () => {
  const placed = { nodeName: 'n1', terminationGracePeriodSeconds: 30 };
  checkGrace(pod(placed), undefined, 30);
  checkGrace(pod(placed), 5, 5);
  checkGrace(pod(placed), 0, 0);
  checkGrace(pod(placed), -7, 1);
  checkGrace(pod({ terminationGracePeriodSeconds: 30 }), 10, 0);
  checkGrace(pod(placed, { phase: 'Failed' }), undefined, 0);
  checkGrace(pod(placed, { phase: 'Succeeded' }), 10, 0);
});

test('available once ready for long enough', () => {
  const since = (lastTransitionTime: string): Pod =>
    pod({}, { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] });
  expect(isPodAvailable(since('2026-11-20T11:59:50Z'), 10, NOW)).toBe(true);
  expect(isPodAvailable(since('2026-11-20T11:59:51Z'), 10, NOW)).toBe(false);
  expect(isPodAvailable(since('2026-11-20T12:00:00Z'), 0, NOW)).toBe(true);
  expect(isPodAvailable(since('2026-11-20T12:00:30Z'), 10, NOW)).toBe(false);
  expect(isPodAvailable(since('2031-01-01T00:00:00Z'), 10, NOW)).toBe(true);
  expect(isPodAvailable(pod({}), 0, NOW)).toBe(false);
  expect(isActive(pod({}))).toBe(true);
  expect(isActive(pod({}, { phase: 'Failed' }))).toBe(false);
});

test('a condition’s time moves with its status only', () => {
  const first = setCondition<PodCondition>(undefined, { type: 'A', status: 'True', reason: 'X' }, NOW);
  expect(first).toEqual([{ type: 'A', status: 'True', reason: 'X', lastTransitionTime: '2026-11-20T12:00:00Z' }]);
  expect(setCondition(first, { type: 'A', status: 'True', reason: 'X' }, NOW + 5000)).toBe(first);
  expect(setCondition(first, { type: 'A', status: 'True', reason: 'Y' }, NOW + 5000)[0]?.lastTransitionTime).toBe(
    '2026-11-20T12:00:00Z',
  );
  expect(setCondition(first, { type: 'A', status: 'False' }, NOW + 5000)).toEqual([
    { type: 'A', status: 'False', lastTransitionTime: '2026-11-20T12:00:05Z' },
  ]);
});

const binding = (name: string, metadata: Pod['metadata'] = {}) => ({
  apiVersion: 'v1',
  kind: 'Binding',
  metadata,
  target: { kind: 'Node', name },
});

test('a binding gives the node, its annotations and the condition', () => {
  const bound = bindPod(pod({}, { phase: 'Pending', nominatedNodeName: 'n0' }), binding('n1', { annotations: { a: 'b' } }), NOW);
  expect(bound.spec?.nodeName).toBe('n1');
  expect(bound.metadata.annotations).toEqual({ a: 'b' });
  expect(bound.status).toEqual({
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-11-20T12:00:00Z' }],
  });
});

function checkRefused(of: Pod, metadata: Pod['metadata'], why: string): void {
  expect(() => bindPod(of, binding('n1', metadata), NOW)).toThrow(
    expect.objectContaining({ code: 'Conflict', message: `Operation cannot be fulfilled on pods/binding "p": ${why}` }),
  );
}

test('a pod is bound once, and never one that goes, waits or is another', () => {
  checkRefused(pod({ nodeName: 'n0' }), {}, 'pod p is already assigned to node "n0"');
  checkRefused(pod({}, {}, { deletionTimestamp: 'x' }), {}, 'pod p is being deleted, cannot be assigned to a host');
  checkRefused(pod({ schedulingGates: [{ name: 'g' }] }), {}, 'pod p has non-empty .spec.schedulingGates');
  checkRefused(pod({}), { uid: 'v' }, 'Precondition failed: UID in precondition: v, UID in object meta: u');
});

test('a binding names a node', () => {
  expect(validateBinding(binding('n1'))).toEqual([]);
  expect(validateBinding({}).map(({ field, message }) => `${field}: ${message}`)).toEqual(['target.name: Required value']);
  expect(validateBinding({ target: { kind: 'Pod', name: 'x' } }).map(({ message }) => message)).toEqual([
    'Unsupported value: "Pod": supported values: "Node", "<empty>"',
  ]);
});
