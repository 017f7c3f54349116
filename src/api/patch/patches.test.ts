import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../../lib/error.ts';
import { parse } from '../encoding/json.ts';
import { parseYamlBody } from '../encoding/yaml.ts';
import type { Json } from '../object.ts';
import { loadBuiltinSchema } from '../schema/builtin.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicPatch } from './strategic-patch.ts';

const REFUSED = Symbol('refused');
const schema = loadBuiltinSchema();
const POD = 'io.k8s.api.core.v1.Pod';

/** What the patch makes of it; anything but an API error is no refusal. */
function outcome(apply: () => Json): Json | typeof REFUSED {
  try {
    return apply();
  } catch (error) {
    expect(hasCode(error, 'Invalid', 'BadRequest'), String(error)).toBe(true);
    return REFUSED;
  }
}

const checkJson = (document: Json, patch: readonly Json[], expected: Json | typeof REFUSED) =>
  expect(outcome(() => applyJsonPatch(document, patch))).toEqual(expected);
const checkMerge = (document: Json, patch: Json, expected: Json) => expect(applyMergePatch(document, patch)).toEqual(expected);
const checkPod = (document: Json, patch: Json, expected: Json | typeof REFUSED) =>
  expect(outcome(() => applyStrategicPatch(document, patch, POD, schema))).toEqual(expected);

test('JSON patch: operations', () => {
  checkJson({ a: [1, 2] }, [{ op: 'add', path: '/a/1', value: 9 }], { a: [1, 9, 2] });
  checkJson({ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] });
  checkJson({ 'a/b': { '~c': 1 } }, [{ op: 'replace', path: '/a~1b/~0c', value: 2 }], { 'a/b': { '~c': 2 } });
  checkJson({ a: 1, b: 2 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 });
  checkJson({ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } });
  checkJson({ a: 1 }, [{ op: 'remove', path: '/a' }], {});
  checkJson({ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 });
  checkJson({ a: 1 }, [{ op: 'test', path: '/a', value: 1 }], { a: 1 });
});

test('JSON patch: refusals', () => {
  for (const operation of [
    { op: 'test', path: '/a', value: 2 },
    { op: 'remove', path: '/b' },
    { op: 'remove', path: '' },
    { op: 'replace', path: '/b', value: 1 },
    { op: 'add', path: '/b/c', value: 1 },
    { op: 'add', path: 'a', value: 1 },
    { op: 'add', path: '/l/01', value: 1 },
    { op: 'add', path: '/l/2', value: 1 },
    { op: 'remove', path: '/l/-' },
    { op: 'move', from: '/l', path: '/l/0' },
    { op: 'copy', from: '/constructor', path: '/x' },
    { op: 'add', path: '/x' },
    { op: 'merge', path: '/a' },
    'remove',
  ])
    checkJson({ a: 1, l: [0] }, [operation], REFUSED);
  checkJson(
    {},
    Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })),
    REFUSED,
  );
});

test('JSON patch: copies of copies end', () => {
  const doubling = Array.from({ length: 40 }, (_, turn) => ({ op: 'copy', from: '', path: `/x${turn}` }));
  checkJson({ a: 'x'.repeat(100) }, doubling, REFUSED);
});

test('merge patch', () => {
  checkMerge({ a: 1, b: { c: 2, d: 3 } }, { b: { c: null, e: 4 }, f: [1] }, { a: 1, b: { d: 3, e: 4 }, f: [1] });
  checkMerge({ a: [1, 2] }, { a: [3] }, { a: [3] });
  checkMerge({ a: 'text' }, { a: { b: null, c: 1 } }, { a: { c: 1 } });
  checkMerge('anything', null, null);
});

test('strategic patch: lists merge by their key, in the order asked for', () => {
  const spec = (...containers: readonly Json[]): Json => ({ spec: { containers } });
  checkPod(spec({ name: 'a', image: '1' }), spec({ name: 'a', image: '2' }), spec({ name: 'a', image: '2' }));
  checkPod(spec({ name: 'a' }), spec({ name: 'b' }), spec({ name: 'b' }, { name: 'a' }));
  checkPod(spec({ name: 'a' }, { name: 'b' }), spec({ name: 'a', $patch: 'delete' }), spec({ name: 'b' }));
  checkPod(spec({ name: 'a' }), spec({ $patch: 'replace' }, { name: 'c' }), spec({ name: 'c' }));
  checkPod(spec({ name: 'a' }), spec({ image: 'x' }), REFUSED);
  checkPod(
    { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a', image: 'x' }] } },
    spec({ name: 'b' }, { name: 'a', image: 'x' }),
  );
  checkPod(
    { spec: { containers: [{ name: 'a', args: ['x'] }] } },
    spec({ name: 'a', args: ['y'] }),
    spec({ name: 'a', args: ['y'] }),
  );
});

test('strategic patch: directives on maps and lists of values', () => {
  checkPod(
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { $patch: 'replace', b: '2' } } },
    { metadata: { labels: { b: '2' } } },
  );
  checkPod({ metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'delete' } } }, { metadata: {} });
  checkPod(
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { a: null, b: '2' } } },
    { metadata: { labels: { b: '2' } } },
  );
  checkPod(
    { metadata: { finalizers: ['a'] } },
    { metadata: { finalizers: ['b', 'a'] } },
    { metadata: { finalizers: ['a', 'b'] } },
  );
  checkPod(
    { metadata: { finalizers: ['a', 'b'] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } },
    { metadata: { finalizers: ['b'] } },
  );
  checkPod(
    { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
    { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } },
    { spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } },
  );
  checkPod({}, { spec: { $patch: 'explode' } }, REFUSED);
  checkPod({}, { spec: { $retainKeys: 'x' } }, REFUSED);
});

test('names that every object inherits are fields like others', () => {
  const named = JSON.parse('{"metadata":{"labels":{"__proto__":"p","constructor":"c"}}}') as Json;
  const text = JSON.stringify(named);
  expect(JSON.stringify(applyMergePatch({}, named))).toBe(text);
  expect(JSON.stringify(applyStrategicPatch({}, named, POD, schema))).toBe(text);
  expect(JSON.stringify(applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]))).toBe(
    '{"__proto__":{"polluted":true}}',
  );
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('what is too deep is refused before anything recurses over it', () => {
  const refused = (work: () => unknown) => expect(work).toThrow(/exceeded max depth/);
  refused(() => parse('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)));
  refused(() => parse('['.repeat(100_000)));
  expect(outcome(() => parseYamlBody('['.repeat(50_000) + ']'.repeat(50_000)).value)).toBe(REFUSED);
  expect(parse(`{"text":"${'['.repeat(5_000)}"}`)).toEqual({ text: '['.repeat(5_000) });
});

test('a merge patch brings about any object without nulls; strategic patches of maps are merge patches', () => {
  const value = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof({ maxDepth: 3 }, fc.string(), fc.integer(), fc.array(fc.integer()), fc.dictionary(fc.string(), tie('node'))),
  })).node;
  const object = fc.dictionary(fc.string(), value);
  fc.assert(
    fc.property(object, object, (from, to) => {
      expect(applyMergePatch(from, difference(from, to))).toEqual(to);
      const strings = Object.fromEntries(Object.keys(to).map((key) => [`k${key.replaceAll('$', '')}`, 'x']));
      const labels = { metadata: { labels: strings } };
      expect(applyStrategicPatch({}, labels, POD, schema)).toEqual(applyMergePatch({}, labels));
    }),
  );
});

test('no patch does worse than being refused', () => {
  const key = fc.constantFrom(
    'metadata',
    'spec',
    'containers',
    'name',
    'labels',
    '$patch',
    '$retainKeys',
    '$setElementOrder/containers',
    '__proto__',
    'x',
  );
  const { node } = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<Json>('replace', 'delete', 'a', null, 1),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(key, tie('node'), { maxKeys: 4 }),
    ),
  }));
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path: path(),
    from: path(),
    value: node,
  });
  fc.assert(
    fc.property(fc.dictionary(key, node), fc.dictionary(key, node), fc.array(operation), (document, patch, operations) => {
      outcome(() => applyStrategicPatch(document, patch, POD, schema));
      outcome(() => applyMergePatch(document, patch));
      outcome(() => applyJsonPatch(document, operations));
    }),
  );
});

function path() {
  return fc
    .array(fc.constantFrom('metadata', 'spec', '0', '-', '__proto__', 'x'))
    .map((parts) => parts.map((part) => `/${part}`).join(''));
}

function difference(from: Record<string, Json>, to: Record<string, Json>): Json {
  const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  const changed = Object.entries(to).map(([key, value]): [string, Json] => {
    const before = Object.hasOwn(from, key) ? from[key] : undefined;
    return [key, isObject(before) && isObject(value) ? difference(before, value) : value];
  });
  return Object.fromEntries([...gone.map((key): [string, Json] => [key, null]), ...changed]);
}

function isObject(value: Json | undefined): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
