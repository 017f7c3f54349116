import { expect, test } from 'vitest';
import { byLogs, logQuery, selectorOf, targetsIn, type LogPod } from './log-targets.ts';
import { wholeLines } from './whole-lines.ts';

const pod = (name: string, more: Partial<LogPod> = {}, annotations = {}): LogPod => ({
  metadata: { name, namespace: 'ns', annotations },
  spec: { nodeName: 'n', containers: [{ name: 'one' }, { name: 'two' }], initContainers: [{ name: 'first' }] },
  status: { phase: 'Running' },
  ...more,
});

test('the container that is meant', () => {
  const names = (of: LogPod, flags: Parameters<typeof targetsIn>[1]) =>
    targetsIn(of, flags).targets.map(({ container }) => container);
  expect(targetsIn(pod('p'), {}).note).toBe('Defaulted container "one" out of: one, two, first (init)');
  expect(names(pod('p'), {})).toEqual(['one']);
  expect(names(pod('p'), { container: 'first' })).toEqual(['first']);
  expect(names(pod('p'), { allContainers: true })).toEqual(['first', 'one', 'two']);
  expect(targetsIn(pod('p', {}, { 'kubectl.kubernetes.io/default-container': 'two' }), {})).toEqual({
    targets: [{ pod: 'p', namespace: 'ns', container: 'two' }],
  });
  expect(() => names(pod('p'), { container: 'x' })).toThrow('container x is not valid for pod p');
});

test('the pod with most to tell comes first', () => {
  const ready = (since: string) => ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
  });
  const pods = [
    pod('nowhere', { spec: {} }),
    pod('pending', { status: { phase: 'Pending' } }),
    pod('unready'),
    pod('restarted', { status: { phase: 'Running', containerStatuses: [{ restartCount: 3 }] } }),
    pod('late', { status: ready('2027-01-02T00:00:00Z') }),
    pod('early', { status: ready('2027-01-01T00:00:00Z') }),
  ];
  expect(pods.toSorted(byLogs).map(({ metadata }) => metadata?.name)).toEqual([
    'early',
    'late',
    'restarted',
    'unready',
    'pending',
    'nowhere',
  ]);
});

test('selectors of workloads and services', () => {
  const expressions = [
    { key: 'a', operator: 'In', values: ['x', 'y'] },
    { key: 'b', operator: 'DoesNotExist' },
  ];
  expect(selectorOf({ spec: { selector: { matchLabels: { app: 'web' }, matchExpressions: expressions } } })).toBe(
    'app=web,a in (x,y),!b',
  );
  expect(selectorOf({ spec: { selector: { app: 'web' } } })).toBe('app=web');
  expect(selectorOf({ spec: {} })).toBeUndefined();
});

test('what a log is asked with', () => {
  const flags = { dataDir: '', maxLogRequests: 5, podRunningTimeout: 0 };
  expect(logQuery({ ...flags, selector: 'a' }, 'c')).toEqual({ container: 'c', tailLines: '10' });
  expect(logQuery({ ...flags, limitBytes: 0 }, 'c')).toEqual({ container: 'c' });
  expect(logQuery({ ...flags, since: 1_500, tail: -1, follow: true }, 'c')).toEqual({
    container: 'c',
    follow: 'true',
    sinceSeconds: '2',
  });
  expect(() => logQuery({ ...flags, since: 1, sinceTime: 'x' }, 'c')).toThrow('at most one of');
});

test('logs that share an output do so by whole lines', async () => {
  const chunks = async function* () {
    for (const text of ['a', 'b\nc', '', '\n', 'd']) yield Buffer.from(text);
  };
  const texts: string[] = [];
  for await (const lines of wholeLines(chunks(), '> ')) texts.push(Buffer.from(lines).toString());
  expect(texts).toEqual(['> ab\n', '> c\n', '> d']);
});
