import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { arbitraryObject } from '../../../test/support/arbitrary-object.ts';
import { builtinResources } from '../kinds/builtin.ts';
import type { JsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';
import { apiVersion } from '../registry.ts';
import { loadBuiltinSchema } from './builtin.ts';
import { conform } from './conform.ts';

/** What Go's decoder and encoder make of the same JSON (k8s.io/api 0.36), compared by hand; errors are in our own words. */
const schema = loadBuiltinSchema();
const definitionOf = (kind: string, group = 'core') => `io.k8s.api.${group}.v1.${kind}`;

function checkPod(given: Json, expected: Json, unknown: readonly string[] = []): void {
  expect(conform(given, definitionOf('Pod'), schema)).toEqual({ value: expected, unknown });
}

const container = (fields: JsonObject): Json => ({ spec: { containers: [fields] } });

const refusals: readonly (readonly [string, Json])[] = [
  ['metadata.name: expected string, found 5', { metadata: { name: 5 } }],
  ['spec: expected an object, found []', { spec: [] }],
  ['spec.containers: expected a list, found {}', { spec: { containers: {} } }],
  ['spec.containers[0]: expected an object, found "a"', { spec: { containers: ['a'] } }],
  ['spec.hostNetwork: expected bool, found "true"', { spec: { hostNetwork: 'true' } }],
  ['metadata.labels: expected a map, found "a"', { metadata: { labels: 'a' } }],
  ['metadata.labels.a: expected string, found 1', { metadata: { labels: { a: 1 } } }],
  ['spec.containers[0].ports[0].containerPort: expected int32, found 80.5', container({ ports: [{ containerPort: 80.5 }] })],
  ['spec.containers[0].ports[0].containerPort: expected int32, found 3000000000', container({ ports: [{ containerPort: 3e9 }] })],
  [
    'spec.terminationGracePeriodSeconds: expected int64, found 9223372036854776000',
    { spec: { terminationGracePeriodSeconds: 2 ** 63 } },
  ],
  [
    'spec.containers[0].livenessProbe.httpGet.port: expected int32 or string, found 1.5',
    container({ livenessProbe: { httpGet: { port: 1.5 } } }),
  ],
  [
    'spec.containers[0].resources.limits.cpu: expected quantity, found "one"',
    container({ resources: { limits: { cpu: 'one' } } }),
  ],
  [
    'metadata.creationTimestamp: expected a time of RFC 3339, found "2026-02-30T00:00:00Z"',
    { metadata: { creationTimestamp: '2026-02-30T00:00:00Z' } },
  ],
  ['metadata.creationTimestamp: expected a time of RFC 3339, found ""', { metadata: { creationTimestamp: '' } }],
];

test('a value of a wrong type is told of by its place', () => {
  for (const [error, given] of refusals) expect(conform(given, definitionOf('Pod'), schema).error).toBe(error);
  expect(conform({ data: { a: 'YQ' } }, definitionOf('Secret'), schema).error).toBe('data.a: expected base64, found "YQ"');
  const lease = conform({ spec: { renewTime: '2026-01-01T00:00:00Z' } }, definitionOf('Lease', 'coordination'), schema);
  expect(lease.error).toBe('spec.renewTime: expected a time of RFC 3339 with microseconds, found "2026-01-01T00:00:00Z"');
});

test('the first misfit ends it, and says whose field it is', () => {
  expect(conform({ spec: { containers: [{ name: 1 }], hostNetwork: 2 } }, definitionOf('Pod'), schema).at).toEqual({
    definition: definitionOf('Container'),
    field: 'name',
    path: ['spec', 'containers', 0, 'name'],
    wanted: 'string',
    found: 1,
  });
});

test('unknown fields are left out and told of, not more than a hundred', () => {
  const given = { Spec: {}, spec: { foo: 1, containers: [{ bar: { a: 1 }, name: 'a' }] }, metadata: { labels: { any: 'b' } } };
  checkPod(given, { spec: { containers: [{ name: 'a' }] }, metadata: { labels: { any: 'b' } } }, [
    'Spec',
    'spec.foo',
    'spec.containers[0].bar',
  ]);
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x${index}`, 1]));
  expect(conform(many, definitionOf('Pod'), schema)).toMatchObject({ value: {}, unknown: { length: 100 } });
  checkPod(JSON.parse('{"__proto__":1,"constructor":{}}') as Json, {}, ['__proto__', 'constructor']);
});

test('null is no field, and in a list or map the zero of its type', () => {
  checkPod(
    { metadata: null, spec: { volumes: null, containers: [null, { args: ['a', null] }] } },
    { spec: { containers: [{}, { args: ['a', ''] }] } },
  );
  checkPod({ metadata: { labels: { a: null } } }, { metadata: { labels: { a: '' } } });
  checkPod(container({ resources: { limits: { cpu: null } } }), container({ resources: { limits: { cpu: '0' } } }));
});

test('a zero that means nothing is no field; one that means something, and one that must be there, stays', () => {
  const nothing = { hostNetwork: false, nodeName: '', tolerations: [], nodeSelector: {} };
  const something = {
    terminationGracePeriodSeconds: 0,
    enableServiceLinks: false,
    securityContext: {},
    volumes: [{ name: 'v', emptyDir: {} }],
  };
  checkPod({ spec: { ...nothing, ...something, containers: [] } }, { spec: { ...something, containers: [] } });
  const status = { name: '', ready: false, restartCount: 0, image: '', imageID: '', containerID: '' };
  const { containerID: _, ...kept } = status;
  checkPod({ status: { containerStatuses: [status] } }, { status: { containerStatuses: [kept] } });
});

test('times and amounts come in one form', () => {
  checkPod(
    { metadata: { creationTimestamp: '2026-01-01T02:00:00.5+02:00' } },
    { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } },
  );
  checkPod(
    container({ resources: { limits: { memory: '1024Mi', cpu: 1.5 } } }),
    container({ resources: { limits: { memory: '1Gi', cpu: '1500m' } } }),
  );
  const renewed = (renewTime: string) => conform({ spec: { renewTime } }, definitionOf('Lease', 'coordination'), schema).value;
  expect(renewed('2026-01-01T03:00:00.123456+03:00')).toEqual({ spec: { renewTime: '2026-01-01T00:00:00.123456Z' } });
  expect(conform({ data: { a: 'YQ=\n=' } }, definitionOf('Secret'), schema).value).toEqual({ data: { a: 'YQ==' } });
});

test('what may be anything is kept as it came', () => {
  const given = { data: { a: [null, 0, ''], b: {} }, revision: 0 };
  expect(conform(given, definitionOf('ControllerRevision', 'apps'), schema)).toEqual({ value: given, unknown: [] });
});

// The recordings are ours and of this shape.
const recorded = JSON.parse(readFileSync('test/support/k8s/defaults.json', 'utf8')) as Readonly<
  Record<string, { readonly in: JsonObject; readonly out: JsonObject }>
>;

test.each(Object.keys(recorded))('%s: what a real server took and gave conforms', (name) => {
  const { in: given, out } = recorded[name] ?? { in: {}, out: {} };
  const row = builtinResources.find(({ kind, group, versions }) =>
    versions.some(({ version }) => kind === given['kind'] && apiVersion(group, version) === given['apiVersion']),
  );
  const definition = row?.versions[0]?.definition ?? '';
  for (const object of [given, out])
    expect(conform(object, definition, schema)).toMatchObject({ unknown: [], value: { kind: given['kind'] } });
  expect(conform(given, definition, schema).error).toBeUndefined();
  expect(conform(out, definition, schema).error).toBeUndefined();
});

test('what conforms, conforms again and stays as it is', () => {
  const kinds = builtinResources
    .filter(({ only }) => only?.verbs.includes('create') ?? true)
    .flatMap(({ versions }) => versions.map(({ definition }) => definition));
  const object = fc.constantFrom(...kinds).chain((kind) => arbitraryObject(kind, schema).map((value) => ({ kind, value })));
  fc.assert(
    fc.property(object, ({ kind, value }) => {
      const before = JSON.stringify(value);
      const first = conform(value, kind, schema);
      expect(first).toEqual({ value: first.value, unknown: [] });
      expect(conform(first.value, kind, schema)).toEqual(first);
      expect(JSON.stringify(value)).toBe(before);
    }),
    { numRuns: 300 },
  );
});
