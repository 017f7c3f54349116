import { expect, test } from 'vitest';
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration } from '../../generated/types.ts';
import { matchesNodeSelectorTerm, matchesRequiredAffinity, preferredAffinityWeight } from './node-affinity.ts';
import { tolerates, untolerated } from './tolerations.ts';

const node = { name: 'n1', labels: { zone: 'a', cores: '4', empty: '' } };

function checkRequirement(requirement: NodeSelectorRequirement, expected: boolean): void {
  expect(matchesNodeSelectorTerm({ matchExpressions: [requirement] }, node), JSON.stringify(requirement)).toBe(expected);
}

test('node selector operators', () => {
  checkRequirement({ key: 'zone', operator: 'In', values: ['a', 'b'] }, true);
  checkRequirement({ key: 'zone', operator: 'In', values: ['b'] }, false);
  checkRequirement({ key: 'none', operator: 'In', values: [''] }, false);
  checkRequirement({ key: 'zone', operator: 'NotIn', values: ['b'] }, true);
  checkRequirement({ key: 'none', operator: 'NotIn', values: ['b'] }, true);
  checkRequirement({ key: 'empty', operator: 'Exists' }, true);
  checkRequirement({ key: 'none', operator: 'Exists' }, false);
  checkRequirement({ key: 'none', operator: 'DoesNotExist' }, true);
  checkRequirement({ key: 'cores', operator: 'Gt', values: ['3'] }, true);
  checkRequirement({ key: 'cores', operator: 'Gt', values: ['4'] }, false);
  checkRequirement({ key: 'cores', operator: 'Lt', values: ['5'] }, true);
  checkRequirement({ key: 'zone', operator: 'Lt', values: ['5'] }, false);
  checkRequirement({ key: 'zone', operator: 'Near', values: ['a'] }, false);
});

function checkTerm(term: NodeSelectorTerm, expected: boolean): void {
  expect(matchesNodeSelectorTerm(term, node)).toBe(expected);
}

test('terms: all of one, never an empty one', () => {
  checkTerm({}, false);
  checkTerm({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }, true);
  checkTerm({ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n1'] }] }, false);
  checkTerm(
    {
      matchExpressions: [{ key: 'zone', operator: 'Exists' }],
      matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }],
    },
    false,
  );
});

function spec(more: Partial<PodSpec>): PodSpec {
  return { containers: [], ...more };
}

test('selector and required affinity both; terms are alternatives', () => {
  const required = (...terms: readonly NodeSelectorTerm[]): Partial<PodSpec> => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
  });
  const [yes, no] = [
    { matchExpressions: [{ key: 'zone', operator: 'Exists' }] },
    { matchExpressions: [{ key: 'none', operator: 'Exists' }] },
  ];
  expect(matchesRequiredAffinity(spec({}), node)).toBe(true);
  expect(matchesRequiredAffinity(spec({ nodeSelector: { zone: 'a' } }), node)).toBe(true);
  expect(matchesRequiredAffinity(spec({ nodeSelector: { zone: 'b' } }), node)).toBe(false);
  expect(matchesRequiredAffinity(spec(required(no, yes)), node)).toBe(true);
  expect(matchesRequiredAffinity(spec(required(no)), node)).toBe(false);
  expect(matchesRequiredAffinity(spec({ nodeSelector: { zone: 'b' }, ...required(yes) }), node)).toBe(false);
});

test('preferred terms add their weights', () => {
  const preferred = [
    { weight: 5, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] } },
    { weight: 7, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] } },
    { weight: 1, preference: {} },
  ];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
  expect(preferredAffinityWeight(spec({ affinity }), node)).toBe(5);
});

const taint: Taint = { key: 'k', value: 'v', effect: 'NoSchedule' };

function checkTolerates(toleration: Toleration, expected: boolean, of: Taint = taint): void {
  expect(tolerates(toleration, of), JSON.stringify(toleration)).toBe(expected);
}

test('tolerations', () => {
  checkTolerates({ operator: 'Exists' }, true);
  checkTolerates({ key: 'k', operator: 'Exists' }, true);
  checkTolerates({ key: 'k', value: 'v' }, true);
  checkTolerates({ key: 'k', value: 'w' }, false);
  checkTolerates({ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }, true);
  checkTolerates({ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute' }, false);
  checkTolerates({ key: 'other', operator: 'Exists' }, false);
  checkTolerates({ key: 'k', operator: 'Gt', value: '5' }, true, { ...taint, value: '6' });
  checkTolerates({ key: 'k', operator: 'Lt', value: '5' }, false, { ...taint, value: '6' });
  expect(untolerated([taint], [], ['NoExecute'])).toBeUndefined();
  expect(untolerated([taint], [], ['NoSchedule'])).toBe(taint);
  expect(untolerated([taint], [{ operator: 'Exists' }], ['NoSchedule'])).toBeUndefined();
});
