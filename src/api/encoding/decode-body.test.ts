import fc from 'fast-check';
import { expect, test } from 'vitest';
import { protobufBody } from '../../../test/support/protobuf-body.ts';
import { hasCode } from '#lib/error.ts';
import { loadBuiltinSchema } from '../schema/builtin.ts';
import { statusOf } from '../status.ts';
import { decodeAny, decodeBody, type Expected, type FieldValidation } from './decode-body.ts';

/** A ConfigMap as JSON, YAML and protobuf; texts as recorded from real servers where they have them. */
const schema = loadBuiltinSchema();
const MAP: Expected = { apiVersion: 'v1', kind: 'ConfigMap', definition: 'io.k8s.api.core.v1.ConfigMap' };
const YAML = 'application/yaml';

function decode(body: string | Uint8Array, type?: string, fieldValidation: FieldValidation = 'Strict') {
  return decodeBody(typeof body === 'string' ? Buffer.from(body) : body, type, MAP, schema, fieldValidation);
}

const OBJECT = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { b: 'c' } };

test('one object in each form, with its type or without', () => {
  const expected = { object: OBJECT, warnings: [] };
  expect(decode(JSON.stringify(OBJECT), 'application/json')).toEqual(expected);
  expect(decode('{"metadata":{"name":"a"},"data":{"b":"c"}}')).toEqual(expected);
  expect(
    decode('{"kind":"","apiVersion":null,"metadata":{"name":"a"},"data":{"b":"c"}}', 'APPLICATION/JSON; charset=utf-8'),
  ).toEqual(expected);
  expect(decode('metadata: {name: a}\ndata:\n  b: c\n', YAML)).toEqual(expected);
  expect(decode(protobufBody(OBJECT, MAP.definition, schema), 'application/vnd.kubernetes.protobuf')).toEqual(expected);
  expect(decode('{}').object).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
});

const refusals: readonly (readonly [body: string, type: string | undefined, code: number, message: RegExp])[] = [
  ['', undefined, 400, /couldn't get version\/kind; json parse error: unexpected end of JSON input \(<empty>\)$/],
  ['{"data":', undefined, 400, /unexpected end of JSON input \(\{"data":\)$/],
  ['{} {}', undefined, 400, /json parse error: .* \(\{\} \{\}\)$/],
  ['[]', undefined, 400, /it is no object$/],
  ['null', undefined, 400, /it is no object$/],
  ['{"kind":5}', undefined, 400, /kind or apiVersion is no text$/],
  [
    '{"kind":"Pod"}',
    undefined,
    400,
    /^Pod in version "v1" cannot be handled as a ConfigMap: converting \(v1.Pod\) to \(core.ConfigMap\)/,
  ],
  ['{"apiVersion":"v2"}', undefined, 400, /no kind "ConfigMap" is registered for version "v2"/],
  [
    '{"data":{"a":1}}',
    undefined,
    400,
    /^ConfigMap in version "v1" cannot be handled as a ConfigMap: v1.ConfigMap.Data: ReadString: /,
  ],
  [
    '{"data":[]}',
    undefined,
    400,
    /^ConfigMap in version "v1" cannot be handled as a ConfigMap: data: expected a map, found \[\]$/,
  ],
  ['data: {a: 1}', YAML, 400, /data.a: expected string, found 1$/],
  ['data: [', YAML, 400, /^error converting YAML to JSON: yaml: /],
  ['# nothing', YAML, 400, /it is no object$/],
  [
    '{}',
    'text/plain',
    415,
    /^the body of the request was in an unknown format - accepted media types include: application\/json, application\/yaml, /,
  ],
  ['{}', 'application/vnd.kubernetes.protobuf', 400, /first four bytes/],
];

test('what is no such object is refused in words', () => {
  for (const [body, type, code, message] of refusals) {
    const status = statusOfFailure(() => decode(body, type));
    expect({ body, ...status }).toMatchObject({ body, code, message: expect.stringMatching(message) });
  }
});

function statusOfFailure(work: () => unknown): object {
  try {
    return { unexpected: work() };
  } catch (error) {
    return statusOf(error);
  }
}

const strays: readonly (readonly [body: string, type: string, problems: readonly string[]])[] = [
  [
    '{"data":{"a":"1","a":"2"},"dta":1,"metadata":{"lbls":{}},"dta":2}',
    'application/json',
    ['duplicate field "data.a"', 'duplicate field "dta"', 'unknown field "dta"', 'unknown field "metadata.lbls"'],
  ],
  [
    'data:\n  a: "1"\n  a: "2"\ndta: 1\n',
    YAML,
    ['yaml: unmarshal errors:\n  line 3: key "a" already set in map', 'unknown field "dta"'],
  ],
];

test('stray fields are refused, told of or passed over, as asked', () => {
  for (const [body, type, problems] of strays) {
    expect(statusOfFailure(() => decode(body, type))).toMatchObject({
      code: 400,
      message: `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ${problems.join(', ')}`,
    });
    const { object, warnings } = decode(body, type, 'Warn');
    expect({ data: object['data'], warnings }).toEqual({ data: { a: '2' }, warnings: problems });
    expect(decode(body, type, 'Ignore')).toEqual({ object, warnings: [] });
  }
});

test('options of a delete may come in each form, under any version', () => {
  const options = { gracePeriodSeconds: 0, propagationPolicy: 'Orphan' };
  const bytes = protobufBody(
    { apiVersion: 'apps/v1', kind: 'DeleteOptions', ...options },
    'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
    schema,
  );
  expect(decodeAny(bytes, 'application/vnd.kubernetes.protobuf', 'DeleteOptions', schema)).toMatchObject(options);
  expect(decodeAny(Buffer.from(JSON.stringify(options)), undefined, 'DeleteOptions', schema)).toEqual(options);
  expect(decodeAny(Buffer.from('gracePeriodSeconds: 0'), YAML, 'DeleteOptions', schema)).toEqual({ gracePeriodSeconds: 0 });
});

test('no body does worse than being refused', () => {
  const type = fc.constantFrom(undefined, 'application/json', YAML, 'application/vnd.kubernetes.protobuf', '', ';');
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.string().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(body, type, fc.constantFrom('Strict', 'Warn', 'Ignore'), (bytes, media, validation) => {
      try {
        decode(bytes, media, validation);
        decodeAny(bytes, media, 'DeleteOptions', schema);
      } catch (error) {
        expect(hasCode(error, 'BadRequest', 'UnsupportedMediaType'), String(error)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});
