import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryObject, arbitraryWholeObject } from '../../../test/support/arbitrary-object.ts';
import { protobufBody } from '../../../test/support/protobuf-body.ts';
import { hasCode } from '#lib/error.ts';
import { builtinResources } from '../kinds/builtin.ts';
import type { JsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';
import { apiVersion } from '../registry.ts';
import { loadBuiltinSchema } from '../schema/builtin.ts';
import { conform } from '../schema/conform.ts';
import type { FieldType } from '../schema/schema.ts';
import { decodeBody, type Expected } from './decode-body.ts';

/** Every kind of the registry that can be written, and what subresources take. */
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const schema = loadBuiltinSchema();
const kinds: readonly Expected[] = [
  ...builtinResources
    .filter(({ only }) => only?.verbs.includes('create') ?? true)
    .flatMap(({ group, kind, versions, subresources }) => [
      ...versions.map(({ version, definition }) => ({ apiVersion: apiVersion(group, version), kind, definition })),
      ...Object.values(subresources).flatMap((door) =>
        door.type === 'create'
          ? [{ apiVersion: apiVersion(door.group, door.version), kind: door.kind, definition: door.definition }]
          : [],
      ),
    ]),
  { apiVersion: 'autoscaling/v1', kind: 'Scale', definition: 'io.k8s.api.autoscaling.v1.Scale' },
];
const named = kinds.map((kind) => [kind.kind, kind] as const);

const decode = (bytes: Uint8Array, kind: Expected) => decodeBody(bytes, PROTOBUF, kind, schema, 'Strict').object;

function checkRoundTrip(object: Json, kind: Expected): void {
  // Sound: a definition of fields gives objects.
  const whole = { metadata: {}, ...(object as JsonObject), apiVersion: kind.apiVersion, kind: kind.kind };
  const { value, error } = conform(whole, kind.definition, schema);
  expect(error).toBeUndefined();
  expect(decode(protobufBody(whole, kind.definition, schema), kind)).toEqual(value);
}

test.each(named)('%s: every field of the schema has its place on the wire', (_, kind) => {
  const seen = new Set<string>();
  const waiting = [kind.definition];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const definition = schema.definition(name);
    if (seen.has(name) || definition === undefined || definition.scalar !== undefined) continue;
    seen.add(name);
    const missing = Object.keys(definition.fields).filter((field) => !placesOf(name.replace(/^io\.k8s\./, '')).has(field));
    expect({ name, missing: missing.filter((field) => field !== 'apiVersion' && field !== 'kind') }).toEqual({
      name,
      missing: [],
    });
    waiting.push(...Object.values(definition.fields).flatMap(({ type }) => refsIn(type)));
  }
});

test.each(named)('%s: an object with all its fields comes back from the wire', (_, kind) => {
  fc.assert(
    fc.property(arbitraryWholeObject(kind.definition, schema), (object) => checkRoundTrip(object, kind)),
    { numRuns: 2 },
  );
});

test.each(named)('%s: whatever the schema lets through comes back from the wire', (_, kind) => {
  fc.assert(
    fc.property(arbitraryObject(kind.definition, schema), (object) => checkRoundTrip(object, kind)),
    { numRuns: 25 },
  );
});

/** A message cut, bent or grown anywhere: bytes changed, left out or repeated. */
const damage = fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), insert: fc.uint8Array({ maxLength: 6 }) });

test('bytes that are no object of theirs are a bad request, and nothing else', () => {
  const object = fc
    .constantFrom(...kinds)
    .chain((kind) => arbitraryObject(kind.definition, schema).map((value) => ({ value, kind })));
  fc.assert(
    fc.property(object, fc.array(damage, { minLength: 1, maxLength: 4 }), ({ value, kind }, damages) => {
      const whole = { ...(value as JsonObject), apiVersion: kind.apiVersion, kind: kind.kind };
      const bytes = damages.reduce(damaged, protobufBody(whole, kind.definition, schema));
      checkHarmless(() => decode(bytes, kind));
    }),
    { numRuns: 400 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => checkHarmless(() => decode(body(bytes), POD))),
    { numRuns: 1000 },
  );
});

function damaged(bytes: Uint8Array, { at, remove, insert }: { at: number; remove: number; insert: Uint8Array }): Uint8Array {
  const place = 4 + (at % (bytes.length - 3));
  return new Uint8Array([...bytes.slice(0, place), ...insert, ...bytes.slice(place + remove)]);
}

function checkHarmless(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(hasCode(error, 'BadRequest'), String(error)).toBe(true);
  }
}

const POD: Expected = { apiVersion: 'v1', kind: 'Pod', definition: 'io.k8s.api.core.v1.Pod' };

/** `raw` in an envelope without a type. */
function body(raw: Uint8Array, tag = 0x12): Uint8Array {
  const length: number[] = [];
  for (let rest = raw.length; rest > 0 || length.length === 0; rest = Math.floor(rest / 128))
    length.push((rest % 128) | (rest >= 128 ? 128 : 0));
  return Buffer.concat([Uint8Array.of(0x6b, 0x38, 0x73, 0, tag, ...length), raw]);
}

const field = (number: number, ...bytes: readonly number[]) => [(number << 3) | 2, bytes.length, ...bytes];
const checkRefused = (bytes: Uint8Array, message: RegExp, kind = POD) => expect(() => decode(bytes, kind)).toThrow(message);

test('what is no protobuf of the kind is refused in words', () => {
  checkRefused(new Uint8Array(), /first four bytes/);
  checkRefused(Buffer.from('{"kind":"Pod"}'), /first four bytes/);
  checkRefused(body(Uint8Array.of(0x12, 0x7f)), /can not be read as protobuf: index out of range/);
  checkRefused(body(Uint8Array.of(0x0b, 0x0c)), /ObjectMeta of wire type 3/);
  checkRefused(body(Uint8Array.from({ length: 100_000 }, () => 0x7b)), /it holds a group/);
  checkRefused(body(Uint8Array.of(...field(1, 0x08, 1))), /ObjectMeta has a string of wire type 0/);
  const other = protobufBody({ apiVersion: 'v1', kind: 'Secret' }, 'io.k8s.api.core.v1.Secret', schema);
  checkRefused(other, /Secret in version "v1" cannot be handled as a Pod/);
});

test('fields of a newer release are skipped; a body need not name its type', () => {
  const raw = Uint8Array.of(...field(1, ...field(1, 0x61), ...field(15, 1, 2)), 0x98, 0x06, 1, 0x9d, 0x06, 1, 2, 3, 4);
  expect(decode(body(raw), POD)).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } });
});

test('numbers may come packed, and a message in parts', () => {
  const groups = field(2, ...field(14, ...field(4, 5, 0x80, 1)));
  const more = field(2, ...field(14, 0x20, 7, 0x10, 3));
  expect(decode(body(Uint8Array.of(...groups, ...more)), POD)['spec']).toEqual({
    securityContext: { supplementalGroups: [5, 128, 7], runAsUser: 3 },
  });
});

// By their square they would take many minutes.
test('a list or map of very many costs its length', () => {
  const many = (number: number, element: readonly number[]) =>
    Buffer.concat(Array.from({ length: 200_000 }, () => Uint8Array.of(...field(number, ...element))));
  const containers = Buffer.concat([Uint8Array.of(0x12), Buffer.from(body(many(2, [])).subarray(5, 8)), many(2, [])]);
  const { spec } = decode(body(containers), POD) as unknown as { readonly spec: { readonly containers: readonly unknown[] } };
  expect(spec.containers.length).toBe(200_000);
  const keys = Array.from({ length: 100_000 }, (_, index) => Buffer.from(`k${index}`));
  const data = Buffer.concat(keys.map((key) => Uint8Array.of(...field(2, ...field(1, ...key)))));
  const map: Expected = { apiVersion: 'v1', kind: 'ConfigMap', definition: 'io.k8s.api.core.v1.ConfigMap' };
  expect(Object.keys(decode(body(data), map)['data'] as object).length).toBe(100_000);
}, 60_000);

function placesOf(message: string): ReadonlySet<string> {
  const fields = Object.values(schema.message(message) ?? {});
  return new Set(fields.flatMap(([name, type]) => (name === '' ? [...placesOf(type)] : [name])));
}

function refsIn(type: FieldType): readonly string[] {
  if (type.type === 'ref') return [type.definition];
  return type.type === 'list' ? refsIn(type.items) : type.type === 'map' ? refsIn(type.values) : [];
}
