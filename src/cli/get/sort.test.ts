import { expect, test } from 'vitest';
import { sortFetched } from './sort.ts';
import type { Target } from './targets.ts';

const types = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: [],
  categories: [],
  verbs: [],
};
const target: Target = { type: { ...types, namespaced: true }, namespace: 'a', name: undefined };
const object = (name: string, spec: object = {}) => ({ metadata: { name, labels: { 'a.b/c': name } }, spec });
const OBJECTS = [
  object('b', { n: 10, size: '1Gi', at: '2027-01-02T00:00:00Z' }),
  object('a', { n: 9, size: '500Mi' }),
  object('c'),
];

const fetching = <T>(...answers: readonly T[]) => ({ found: [{ target, answers }], failures: [] });

test.each([
  ['.metadata.name', 'a b c'],
  ['{.metadata.name}', 'a b c'],
  ['metadata.name', 'a b c'],
  [String.raw`.metadata.labels.a\.b/c`, 'a b c'],
  ['.spec.n', 'c a b'],
  ['.spec.size', 'c a b'],
  ['.spec.at', 'a c b'],
])('by %s: %s', (path, order) => {
  const [objects] = sortFetched(fetching(...OBJECTS), path).found;
  expect(objects?.answers.map(({ metadata }) => metadata.name).join(' ')).toBe(order);
  // The rows of all chunks become one table.
  const rows = OBJECTS.map((one) => ({ object: one }));
  const [tables] = sortFetched(fetching({ rows: rows.slice(0, 1) }, { rows: rows.slice(1) }), path).found;
  expect(tables?.answers).toEqual([
    { rows: order.split(' ').map((name) => rows.find((row) => row.object.metadata.name === name)) },
  ]);
});

test('a path that is none, or that no object has, is no order', () => {
  expect(() => sortFetched(fetching(...OBJECTS), '.spec.containers[*].name')).toThrow('use the path of a field');
  expect(() => sortFetched(fetching(...OBJECTS), '.spec.nosuch')).toThrow('no object that was found has such a field');
  expect(() => sortFetched(fetching({ rows: [{ object: OBJECTS[0] }] }), '.spec.nosuch')).toThrow('no object that was found');
  expect(sortFetched(fetching(), '.spec.nosuch')).toEqual(fetching());
  expect(sortFetched(fetching({ rows: [] }), '.spec.nosuch')).toEqual(fetching({ rows: [] }));
});
