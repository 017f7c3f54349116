import fc from 'fast-check';
import type { Json } from '../../src/api/object.ts';
import type { Definition, FieldType, Schema } from '../../src/api/schema/schema.ts';
import { rfc3339 } from '../../src/lib/time.ts';

/** Any objects that a definition lets through, as JSON: each field there or not, lists and maps of up to two, zeros among the values. */
export function arbitraryObject(definition: string, schema: Schema): fc.Arbitrary<Json> {
  // Sound: a field that is left out is no key of the record.
  const presence: Making['presence'] = (fields) => fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Json>;
  return arbitraryOf(definition, { schema, known: new Map(), presence });
}

/** As before, with every field there is. */
export function arbitraryWholeObject(definition: string, schema: Schema): fc.Arbitrary<Json> {
  return arbitraryOf(definition, { schema, known: new Map(), presence: (fields) => fc.record(fields) });
}

type Making = {
  readonly schema: Schema;
  readonly known: Map<string, fc.Arbitrary<Json>>;
  readonly presence: (fields: Record<string, fc.Arbitrary<Json>>) => fc.Arbitrary<Json>;
};

function arbitraryOf(name: string, making: Making): fc.Arbitrary<Json> {
  const made = making.known.get(name);
  if (made !== undefined) return made;
  const definition = making.schema.definition(name);
  if (definition === undefined) throw new Error(`no definition ${name}`);
  const arbitrary = definition.scalar === undefined ? fieldsOf(definition, making) : SCALARS[definition.scalar];
  making.known.set(name, arbitrary);
  return arbitrary;
}

function fieldsOf({ fields }: Definition, making: Making): fc.Arbitrary<Json> {
  return making.presence(Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, valueOf(type, making)])));
}

function valueOf(type: FieldType, making: Making): fc.Arbitrary<Json> {
  switch (type.type) {
    case 'ref':
      return arbitraryOf(type.definition, making);
    case 'list':
      return fc.array(valueOf(type.items, making), { minLength: 1, maxLength: 2 });
    case 'map':
      return fc.dictionary(text, valueOf(type.values, making), { minKeys: 1, maxKeys: 2, noNullPrototype: true });
    case 'string':
      return text;
    case 'bytes':
      return fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return type.bits === 32 ? int32 : fc.oneof(int32, fc.maxSafeInteger());
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
  }
}

const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.constantFrom('', '__proto__', 'constructor'),
);
const int32 = fc.oneof(fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const moment = fc.date({ min: new Date('0001-01-01T00:00:01Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });

const SCALARS: Readonly<Record<NonNullable<Definition['scalar']>, fc.Arbitrary<Json>>> = {
  quantity: fc.constantFrom('0', '1', '500m', '1Gi', '1e3', '-2', '1.5', '9223372036854775807'),
  time: moment.map((date) => rfc3339(date.getTime())),
  'micro-time': fc
    .tuple(moment, fc.integer({ min: 0, max: 999_999 }))
    .map(([date, micros]) => `${rfc3339(date.getTime()).slice(0, -1)}.${String(micros).padStart(6, '0')}Z`),
  'int-or-string': fc.oneof(int32, text),
  any: fc
    .dictionary(text, fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true })
    .map((value) => JSON.parse(JSON.stringify(value)) as Json),
};
