import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Report } from '#api/link/reports.ts';
import type { KubeObject } from '#api/object.ts';
import { sentenceOf } from '../../../test/support/view-of.ts';
import { viewOf } from '../../../test/support/view-of.ts';
import { changesOf } from './report-changes.ts';
import { ownLabels } from './status-fields.ts';

const podOn = (node: string, name: string, more: object = {}, status: object = {}): { resource: string; object: KubeObject } => ({
  resource: 'pods',
  object: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'd', name, uid: `uid-${name}`, ...more },
    spec: { nodeName: node, containers: [] },
    status,
  },
});
const nodeObject = {
  resource: 'nodes',
  object: {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', uid: 'u', labels: { old: 'x' } },
    status: { conditions: [{ type: 'Ready', status: 'Unknown', message: 'm' }] },
  } as KubeObject,
};

const view = viewOf([
  podOn(
    'n1',
    'mine',
    {},
    { phase: 'Pending', message: 'old', podIP: '10.32.0.1', conditions: [{ type: 'Ready', status: 'False', reason: 'R' }] },
  ),
  podOn('n1', 'ended', {}, { phase: 'Failed', reason: 'Evicted' }),
  podOn('n1', 'leaving', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
  podOn('n2', 'other'),
  nodeObject,
]);

const state = (name: string, status: object, more: object = {}): Report =>
  ({ class: 'state', key: `pods/uid-${name}`, body: { uid: `uid-${name}`, namespace: 'd', name, status, ...more } }) as Report;

const CLOCKS = { clockOffsetMs: 0, nowMs: Date.parse('2026-01-01T12:00:00Z') };

function checkChanges(report: Report, expected: readonly string[] | string): void {
  if (report.class === 'event') throw new Error('events are judged elsewhere');
  const judged = changesOf(report, 'n1', view, CLOCKS);
  if ('dropped' in judged) expect(judged.dropped).toBe(expected);
  else expect(judged.changes.map(sentenceOf)).toEqual(expected);
}

test("a status is patched where it is the node's to say; what it no longer says is cleared", () => {
  checkChanges(
    state('mine', {
      phase: 'Running',
      podIPs: [{ ip: 'x' }],
      nominatedNodeName: 'n9',
      $patch: 'delete',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'PodScheduled', status: 'False' },
        { $patch: 'delete', type: 'X' },
      ],
    }),
    [
      'patch pods/status mine {"status":{"phase":"Running","podIPs":[{"ip":"x"},{"$patch":"replace"}],"message":null,"podIP":null,"conditions":[{"type":"Ready","status":"True","reason":null}]}}',
    ],
  );
  checkChanges(state('ended', { phase: 'Running', message: 'alive', hostIP: 'h' }), [
    'patch pods/status ended {"status":{"hostIP":"h"}}',
  ]);
});

const DAY_MS = 86_400_000;

/** A pod made at 11:00 says at 12:00 that it got ready; `offDays`: by how much the node's clock is ahead. Gives when it counts as ready since. */
function checkReadySince(told: string, offDays: number, expected: string, known?: string): void {
  const conditions = known === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: known }];
  const pod = podOn('n1', 'p', { creationTimestamp: '2026-01-01T11:00:00Z' }, { conditions });
  const report = state('p', { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: told }] });
  if (report.class === 'event') throw new Error('events are judged elsewhere');
  const judged = changesOf(report, 'n1', viewOf([pod]), { ...CLOCKS, clockOffsetMs: -offDays * DAY_MS });
  expect('changes' in judged && judged.changes).toMatchObject([
    { patch: { status: { conditions: [{ lastTransitionTime: expected }] } } },
  ]);
}

test('a pod is ready since a time of the server, however wrong the clock of its node', () => {
  checkReadySince('2026-01-01T11:59:50Z', 0, '2026-01-01T11:59:50Z');
  checkReadySince('2026-01-03T11:59:50Z', 2, '2026-01-01T11:59:50Z');
  checkReadySince('1999-01-01T11:59:50Z', -9862, '2026-01-01T11:59:50Z');
  // Said by a clock that has been set since.
  checkReadySince('1970-01-01T00:00:00Z', 0, '2026-01-01T11:00:00Z');
  checkReadySince('2026-01-01T12:00:30Z', 0, '2026-01-01T12:00:00Z');
  // The offset is never measured the same twice.
  checkReadySince('2026-01-03T11:59:50Z', 2, '2026-01-01T11:59:47Z', '2026-01-01T11:59:47Z');
});

test('pods of others, of another life, or gone are left alone', () => {
  checkChanges(state('other', {}), 'the pod is bound to another node');
  checkChanges(state('never', {}), 'there is no such pod (any more)');
  checkChanges(
    { class: 'state', key: 'pods/x', body: { uid: 'x', namespace: 'd', name: 'mine', status: {} } },
    'there is no such pod (any more)',
  );
  checkChanges(
    { class: 'decision', body: { type: 'verdict', uid: 'uid-other', phase: 'Failed', reason: '', message: '' } },
    'no pod of this uid is bound to the node (any more)',
  );
});

test('a pod that is gone is removed only if it was being deleted', () => {
  checkChanges(state('leaving', {}, { gone: true }), ['patch pods/status leaving {"status":{}}', 'delete pods leaving at once']);
  checkChanges(state('mine', { phase: 'Failed' }, { gone: true }), 'the pod is not being deleted (any more)');
});

test('verdicts and the node itself', () => {
  checkChanges(
    { class: 'decision', body: { type: 'verdict', uid: 'uid-mine', phase: 'Failed', reason: 'DeadlineExceeded', message: '' } },
    ['patch pods/status mine {"status":{"phase":"Failed","reason":"DeadlineExceeded"}}'],
  );
  checkChanges(
    {
      class: 'state',
      key: 'node',
      body: {
        status: { conditions: [{ type: 'Ready', status: 'True' }], volumesInUse: ['x'] } as never,
        labels: { 'kubernetes.io/arch': 'arm64', old: 'x' },
        lan: '192.168.1.5/24=52:54:00:AB:00:01,nonsense,169.254.7.7/16=52:54:00:ab:00:01,192.168.1.5/24=52:54:00:ab:00:02',
      },
    },
    [
      'patch nodes/status n1 {"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2026-01-01T12:00:00Z","message":null}]}}',
      'patch nodes n1 {"metadata":{"labels":{"kubernetes.io/arch":"arm64"},"annotations":{"skerry.dev/lan":"192.168.1.5/24=52:54:00:ab:00:02"}}}',
    ],
  );
});

test('a heartbeat has the time of the last news, and is none by itself', () => {
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T10:00:00Z' };
  const before = { capacity: { cpu: '4' }, conditions: [{ ...ready, lastHeartbeatTime: '2026-01-01T10:00:00Z' }] };
  const heartbeat = (status: object, known: object) => {
    const report = { class: 'state', key: 'node', body: { status, labels: {} } } as Report;
    if (report.class === 'event') throw new Error('it is a state');
    const object = { ...nodeObject.object, status: known };
    const judged = changesOf(report, 'n1', viewOf([{ resource: 'nodes', object }]), CLOCKS);
    return 'changes' in judged
      ? judged.changes
          .map(sentenceOf)
          .join()
          .match(/"lastHeartbeatTime":"([^"]*)"/)?.[1]
      : undefined;
  };
  expect(heartbeat({ capacity: { cpu: '4' }, conditions: [ready] }, before)).toBe('2026-01-01T10:00:00Z');
  expect(heartbeat({ capacity: { cpu: '8' }, conditions: [ready] }, before)).toBe('2026-01-01T12:00:00Z');
  expect(heartbeat({ conditions: [{ ...ready, status: 'False' }] }, before)).toBe('2026-01-01T12:00:00Z');
  expect(heartbeat({ conditions: [ready] }, { conditions: [ready] })).toBe('2026-01-01T12:00:00Z');
});

test("labels that are reserved are not a node's to set", () => {
  const labels = [
    'skerry.dev/load-balancer',
    'a',
    'example.com/a',
    'kubernetes.io/os',
    'node.kubernetes.io/a',
    'kubernetes.io/a',
    'x.k8s.io/a',
    'node-restriction.kubernetes.io/a',
    'node-role.kubernetes.io/control-plane',
  ];
  expect(Object.keys(ownLabels(Object.fromEntries(labels.map((label) => [label, '1']))))).toEqual([
    'a',
    'example.com/a',
    'kubernetes.io/os',
    'node.kubernetes.io/a',
  ]);
});

test("whatever a node reports, it never changes anything but its own pods' status, and never throws", () => {
  fc.assert(
    fc.property(
      fc.constantFrom('mine', 'ended', 'leaving', 'other'),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.jsonValue(),
      (name, status, conditions) => {
        const report = state(name, { ...status, conditions });
        if (report.class === 'event') return;
        const judged = changesOf(report, 'n1', view, CLOCKS);
        for (const change of 'changes' in judged ? judged.changes : [])
          expect(sentenceOf(change)).toMatch(/^patch pods\/status (mine|ended|leaving) /);
      },
    ),
  );
});
