import { parseApiVersion } from '../registry.ts';
import { conform, type Misfit } from '../schema/conform.ts';
import type { Schema } from '../schema/schema.ts';
import { isJsonObject } from '../json-object.ts';
import type { Json, KubeObject } from '../object.ts';
import { apiError, badRequestError } from '../status.ts';
import { hasCode } from '#lib/error.ts';
import { parse, scan } from './json.ts';
import { decodeProtobuf, openEnvelope } from './protobuf.ts';
import { parseYamlBody } from './yaml.ts';

/** A request body → an object of the kind that the URL names. Bad input gives a 400, 413 or 415 in the words of a real server, never anything else. */
export type Expected = { readonly apiVersion: string; readonly kind: string; readonly definition: string };

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

type Encoding = 'json' | 'yaml' | 'protobuf';

const ACCEPTED = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

type Body = {
  readonly value: Json;
  /** What is said of keys that stand twice. */
  readonly duplicates: () => readonly string[];
  /** Of JSON. */
  readonly text?: string;
};

export function decodeBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  expected: Expected,
  schema: Schema,
  fieldValidation: FieldValidation,
): { readonly object: KubeObject; readonly warnings: readonly string[] } {
  const body = read(bytes, encodingOf(contentType), expected, schema, (type) => void withType(type, expected));
  const { value, unknown, error, at } = conform(withType(body.value, expected), expected.definition, schema);
  if (error !== undefined) throw misfit(expected, error, at, body.text);
  const problems =
    fieldValidation === 'Ignore' ? [] : [...body.duplicates(), ...unknown.map((path) => `unknown field "${path}"`)];
  if (fieldValidation === 'Strict' && problems.length > 0) {
    throw badRequestError(
      `${expected.kind} in version "${parseApiVersion(expected.apiVersion).version}" cannot be handled as a ${expected.kind}: strict decoding error: ${problems.join(', ')}`,
    );
  }
  // Sound: conform has checked it against a kind's definition; metadata is there.
  const object = value as unknown as KubeObject;
  return { object: { ...object, metadata: object.metadata ?? {} }, warnings: problems };
}

/** A body of a kind that is not the URL's, DeleteOptions: read leniently, without its type. */
export function decodeAny(bytes: Uint8Array, contentType: string | undefined, kind: string, schema: Schema): Json {
  const expected = { apiVersion: 'v1', kind, definition: `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}` };
  return read(bytes, encodingOf(contentType), expected, schema).value;
}

function encodingOf(contentType: string | undefined): Encoding {
  const media = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (media === '' || media === 'application/json') return 'json';
  if (media === 'application/yaml') return 'yaml';
  if (media === 'application/vnd.kubernetes.protobuf') return 'protobuf';
  throw apiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${ACCEPTED}`,
  );
}

/** `check` looks at the type that a protobuf body says to have: only by the right one can it be decoded. */
function read(
  bytes: Uint8Array,
  encoding: Encoding,
  expected: Expected,
  schema: Schema,
  check: (type: Json) => void = () => undefined,
): Body {
  if (encoding === 'protobuf') {
    const { raw, ...type } = openEnvelope(bytes);
    check(type);
    return { value: { ...decodeProtobuf(raw, expected.definition, schema), ...type }, duplicates: () => [] };
  }
  const text = new TextDecoder().decode(bytes);
  if (encoding === 'yaml') {
    const { value, duplicates } = parseYamlBody(text);
    return { value, duplicates: () => duplicates };
  }
  return {
    value: readJson(text, expected),
    duplicates: () => scan(text).duplicates.map((path) => `duplicate field "${path}"`),
    text,
  };
}

function readJson(text: string, { kind }: Expected): Json {
  try {
    return parse(text);
  } catch (error) {
    if (!hasCode(error, 'BadRequest')) throw error;
    const shown = text === '' ? '<empty>' : text;
    const why = isCutOff(text) ? 'unexpected end of JSON input' : error.message.replace(/^json parse error: /, '');
    throw badRequestError(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why} (${shown.slice(0, 1024)})`,
    );
  }
}

/** True where more text could still make it JSON: every string and bracket that was opened and not closed stands at the end. */
function isCutOff(text: string): boolean {
  const trimmed = text.trimEnd();
  return trimmed === '' || /[[{:,"]$/.test(trimmed) || trimmed.split(/[{[]/).length > trimmed.split(/[}\]]/).length;
}

/** What a body does not say of its type is what the URL says. */
function withType(value: Json, expected: Expected): Json {
  if (!isJsonObject(value))
    throw badRequestError(`the object provided is unrecognized (must be of type ${expected.kind}): it is no object`);
  const [kind, apiVersion] = [value['kind'] || expected.kind, value['apiVersion'] || expected.apiVersion];
  if (typeof kind !== 'string' || typeof apiVersion !== 'string')
    throw badRequestError(
      `the object provided is unrecognized (must be of type ${expected.kind}): its kind or apiVersion is no text`,
    );
  const { version } = parseApiVersion(apiVersion);
  if (kind !== expected.kind) {
    throw badRequestError(
      `${kind} in version "${version}" cannot be handled as a ${expected.kind}: converting (${version}.${kind}) to (${internal(expected)}.${expected.kind}): unknown conversion`,
    );
  }
  if (apiVersion !== expected.apiVersion) {
    throw badRequestError(
      `${kind} in version "${version}" cannot be handled as a ${expected.kind}: no kind "${kind}" is registered for version "${apiVersion}" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"`,
    );
  }
  return { ...value, kind, apiVersion };
}

function internal({ apiVersion }: Expected): string {
  const { group } = parseApiVersion(apiVersion);
  return group === '' ? 'core' : (group.split('.')[0] ?? group);
}

/** In JSON with the words and the surroundings that Go's decoder (json-iterator) tells; elsewhere with the path alone. */
function misfit(expected: Expected, error: string, at: Misfit | undefined, text: string | undefined): unknown {
  const { version } = parseApiVersion(expected.apiVersion);
  const head = `${expected.kind} in version "${version}" cannot be handled as a ${expected.kind}: `;
  const offset = at === undefined || text === undefined ? undefined : scan(text, at.path).offset;
  if (at === undefined || text === undefined || offset === undefined || at.wanted !== 'string')
    return badRequestError(head + error);
  const type = at.definition.split('.').at(-1) ?? '';
  const field = at.field.slice(0, 1).toUpperCase() + at.field.slice(1);
  const [near, far] = [10, 50].map((reach) => text.slice(Math.max(0, offset + 1 - reach), offset + 1 + reach));
  const position = Math.min(10, offset + 1);
  return badRequestError(
    `${head}${version}.${type}.${field}: ReadString: expects " or n, but found ${text[offset] ?? ''}, error found in #${position} byte of ...|${near}|..., bigger context ...|${far}|...`,
  );
}
