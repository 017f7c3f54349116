import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import { parse } from '../encoding/json.ts';
import { parseYamlBody } from '../encoding/yaml.ts';
import type { Json } from '../object.ts';
import { loadBuiltinSchema } from '../schema/builtin.ts';
import { statusOf } from '../status.ts';
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

function statusOfFailure(work: () => unknown): unknown {
  try {
    return { unexpected: work() };
  } catch (error) {
    return statusOf(error);
  }
}

test('JSON patch: what is no list of operations is malformed, too many are too large', () => {
  const status = (patch: Json) => statusOfFailure(() => applyJsonPatch({}, patch));
  expect(status({ op: 'add' })).toMatchObject({ code: 400, reason: 'BadRequest' });
  expect(status(['remove'])).toMatchObject({ code: 400, reason: 'BadRequest' });
  expect(status([{ op: 1, path: '/a' }])).toMatchObject({ code: 400, reason: 'BadRequest' });
  expect(status(Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })))).toMatchObject({
    code: 413,
    message: 'The allowed maximum operations in a JSON patch is 10000, got 10001',
  });
});

test('JSON patch: copies and moves end before they fill the memory or the stack', () => {
  const doubling = Array.from({ length: 40 }, (_, turn) => ({ op: 'copy', from: '/a', path: `/a/x${turn}` }));
  expect(outcome(() => applyJsonPatch({ a: { text: 'x'.repeat(100) } }, doubling))).toBe(REFUSED);
  const names = Array.from({ length: 2_000 }, (_, turn) => `/n${turn}`);
  const flat = Object.fromEntries(names.map((name) => [name.slice(1), {}]));
  const stacking = names.slice(1).map((name, turn) => ({ op: 'move', from: names[turn] ?? '', path: `${name}/below` }));
  expect(outcome(() => applyJsonPatch(flat, stacking.slice(0, 900)))).not.toBe(REFUSED);
  expect(outcome(() => applyJsonPatch(flat, stacking))).toBe(REFUSED);
});

test('JSON patch: a large document with as many operations as there may be takes no more than both', () => {
  const items = Array.from({ length: 20_000 }, (_, index) => ({ index }));
  const operations = Array.from({ length: 10_000 }, (_, index) => ({ op: 'replace', path: `/items/${index}/index`, value: -1 }));
  expect(outcome(() => applyJsonPatch({ items }, operations))).not.toBe(REFUSED);
}, 2_000);

test('strategic patch: lists of thousands merge in no more than their length', () => {
  const containers = Array.from({ length: 20_000 }, (_, index) => ({ name: `c${index}`, image: 'a' }));
  const order = containers.map(({ name }) => ({ name }));
  const patch = {
    spec: { containers: containers.map(({ name }) => ({ name, image: 'b' })), '$setElementOrder/containers': order },
  };
  expect(outcome(() => applyStrategicPatch({ spec: { containers } }, patch, POD, schema))).toEqual({
    spec: { containers: containers.map(({ name }) => ({ name, image: 'b' })) },
  });
}, 2_000);

test('directives never become part of an object, also where there was nothing to merge with', () => {
  const patch = {
    metadata: { '$setElementOrder/finalizers': ['a'], '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['a'] },
    spec: {
      $retainKeys: ['volumes'],
      volumes: [
        { name: 'v', $retainKeys: ['name'] },
        { name: 'w', $patch: 'delete' },
      ],
    },
  };
  expect(applyStrategicPatch({}, patch, POD, schema)).toEqual({
    metadata: { finalizers: ['a'] },
    spec: { volumes: [{ name: 'v' }] },
  });
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

test('no patch does worse than being refused, or changes what it was given', () => {
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
      const before = JSON.stringify([document, patch, operations]);
      outcome(() => applyStrategicPatch(document, patch, POD, schema));
      outcome(() => applyMergePatch(document, patch));
      outcome(() => applyJsonPatch(document, operations));
      expect(JSON.stringify([document, patch, operations])).toBe(before);
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
