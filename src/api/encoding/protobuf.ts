import protobuf from 'protobufjs/minimal.js';
import { MESSAGES } from '../generated/schema.ts';
import { canonicalQuantity } from '../quantity.ts';
import { rfc3339, rfc3339Micro } from '#lib/time.ts';
import { badRequestError } from '../status.ts';
import type { Json } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import { pathText } from '../schema/conform.ts';

/**
 * Protobuf request bodies: `k8s\0` and a runtime.Unknown whose raw bytes are an object. The walk follows the table of message fields;
 * what is inline in Go (a volume's source, a probe's handler) is spread into its parent, as its JSON is.
 */
type Messages = Readonly<Record<string, Readonly<Record<string, readonly [name: string, type: string]>>>>;
type Reader = protobuf.Reader;

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const DEPTH_MAX = 100;
const UNKNOWN = 'apimachinery.pkg.runtime.Unknown';

/** Throws 400 for what is no such body. */
export function decodeProtobuf(bytes: Uint8Array, schema: Schema): Json {
  if (!MAGIC.every((byte, index) => bytes[index] === byte))
    throw badRequestError('the body of the request is not protobuf of Kubernetes: its first four bytes are not "k8s\\0"');
  try {
    // Sound: the generator writes exactly this type.
    const decoder = new Decoder(JSON.parse(MESSAGES) as Messages, schema);
    return decoder.envelope(bytes.subarray(MAGIC.length));
  } catch (cause) {
    throw badRequestError(
      `the body of the request can not be read as protobuf: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

class Decoder {
  readonly #messages: Messages;
  readonly #schema: Schema;

  constructor(messages: Messages, schema: Schema) {
    this.#messages = messages;
    this.#schema = schema;
  }

  envelope(bytes: Uint8Array): Json {
    const reader = protobuf.Reader.create(bytes);
    let type: { readonly apiVersion?: Json; readonly kind?: Json } = {};
    let raw: Uint8Array = new Uint8Array();
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === 1) type = this.#message(reader.bytes(), 'apimachinery.pkg.runtime.TypeMeta', 0, []) as typeof type;
      else if (tag >>> 3 === 2) raw = reader.bytes();
      else reader.skipType(tag & 7);
    }
    const kind = typeof type.kind === 'string' ? type.kind : '';
    const object = this.#message(raw, this.#nameOf(kind, typeof type.apiVersion === 'string' ? type.apiVersion : ''), 0, []);
    return { ...asRecord(object), ...asRecord(type as Json) };
  }

  #nameOf(kind: string, apiVersion: string): string {
    const version = apiVersion.split('/').at(-1) ?? '';
    const name = Object.keys(this.#messages).find((message) => message.endsWith(`.${version}.${kind}`));
    const lenient = name ?? Object.keys(this.#messages).find((message) => message.endsWith(`.v1.${kind}`));
    if (lenient === undefined || kind === '' || lenient === UNKNOWN)
      throw new Error(`no kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
    return lenient;
  }

  #message(bytes: Uint8Array, name: string, depth: number, path: readonly string[]): Json {
    if (depth > DEPTH_MAX) throw new Error(`${pathText(path)} is nested too deeply`);
    const special = SPECIAL[name];
    if (special !== undefined) return special(bytes);
    const fields = this.#messages[name] ?? {};
    const known = this.#schema.definition(`io.k8s.${name}`)?.fields;
    const result: Record<string, Json> = {};
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const field = fields[String(tag >>> 3)];
      if (field === undefined) {
        reader.skipType(tag & 7);
        continue;
      }
      const [wireName, type] = field;
      this.#field(
        reader,
        tag & 7,
        type,
        jsonName(wireName),
        known === undefined || jsonName(wireName) in known,
        result,
        depth,
        path,
      );
    }
    return result;
  }

  #field(
    reader: Reader,
    wire: number,
    type: string,
    name: string,
    known: boolean,
    into: Record<string, Json>,
    depth: number,
    path: readonly string[],
  ): void {
    const list = type.startsWith('[]');
    const map = /^map<string,(.+)>$/.exec(type);
    if (map !== null) {
      const [key, value] = this.#entry(reader, map[1] ?? '', depth, [...path, name]);
      into[name] = { ...asRecord(into[name] ?? {}), [key]: value };
      return;
    }
    const value = this.#value(reader, wire, list ? type.slice(2) : type, depth, [...path, name]);
    if (list) {
      const before = into[name];
      into[name] = [...(Array.isArray(before) ? before : []), value];
    } else if (!known && type.includes('.')) Object.assign(into, asRecord(value));
    else if (!isZero(value, name)) into[name] = value;
  }

  #entry(reader: Reader, type: string, depth: number, path: readonly string[]): readonly [string, Json] {
    const entry = protobuf.Reader.create(reader.bytes());
    let key = '';
    let value: Json = type === 'string' || type === 'bytes' ? '' : {};
    while (entry.pos < entry.len) {
      const tag = entry.uint32();
      if (tag >>> 3 === 1) key = entry.string();
      else if (tag >>> 3 === 2) value = this.#value(entry, tag & 7, type, depth, path);
      else entry.skipType(tag & 7);
    }
    return [key, value];
  }

  #value(reader: Reader, wire: number, type: string, depth: number, path: readonly string[]): Json {
    switch (type) {
      case 'string':
        return reader.string();
      case 'bytes':
        return Buffer.from(reader.bytes()).toString('base64');
      case 'bool':
        return reader.bool();
      case 'int32':
        return reader.int32();
      case 'int64':
        return Number(reader.int64());
      case 'double':
        return reader.double();
      default:
        if (wire !== 2) throw new Error(`${pathText(path)} is no message`);
        return this.#message(reader.bytes(), type, depth + 1, path);
    }
  }
}

/** Go's names of two fields begin with a capital; JSON's do not. */
function jsonName(wireName: string): string {
  return wireName === 'Port' ? 'Port' : wireName;
}

/**
 * Go's encoder writes empty texts, false and 0 of fields that are no pointers, which its JSON leaves out. Numbers and flags whose zero
 * means something are pointers in Go, and are written only when they were set: those are kept.
 */
function isZero(value: Json, name: string): boolean {
  return value === '' || (value === 0 && PLAIN_NUMBERS.has(name)) || value === null;
}

const PLAIN_NUMBERS = new Set([
  'hostPort',
  'minReadySeconds',
  'observedGeneration',
  'generation',
  'nodePort',
  'healthCheckNodePort',
  'count',
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
]);

const SPECIAL: Readonly<Record<string, (bytes: Uint8Array) => Json>> = {
  'apimachinery.pkg.api.resource.Quantity': (bytes) => canonicalQuantity(text(bytes, 1)),
  'apimachinery.pkg.apis.meta.v1.Time': (bytes) => time(bytes, rfc3339),
  'apimachinery.pkg.apis.meta.v1.MicroTime': (bytes) => time(bytes, rfc3339Micro),
  'apimachinery.pkg.util.intstr.IntOrString': intOrString,
  // Sound: raw extensions carry JSON.
  'apimachinery.pkg.runtime.RawExtension': (bytes) => JSON.parse(text(bytes, 1)) as Json,
  'apimachinery.pkg.apis.meta.v1.FieldsV1': (bytes) => JSON.parse(text(bytes, 1)) as Json,
};

function text(bytes: Uint8Array, wanted: number): string {
  const reader = protobuf.Reader.create(bytes);
  let found = '';
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === wanted) found = reader.string();
    else reader.skipType(tag & 7);
  }
  return found;
}

function numbers(bytes: Uint8Array): ReadonlyMap<number, number> {
  const reader = protobuf.Reader.create(bytes);
  const found = new Map<number, number>();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 0) found.set(tag >>> 3, Number(reader.int64()));
    else reader.skipType(tag & 7);
  }
  return found;
}

/** The zero time is written as no fields at all, and is null in JSON. */
function time(bytes: Uint8Array, format: (ms: number) => string): Json {
  const found = numbers(bytes);
  return found.size === 0 ? null : format((found.get(1) ?? 0) * 1000 + Math.floor((found.get(2) ?? 0) / 1_000_000));
}

function intOrString(bytes: Uint8Array): Json {
  const found = numbers(bytes);
  return found.get(1) === 1 ? text(bytes, 3) : (found.get(2) ?? 0);
}

function asRecord(value: Json): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { readonly [key: string]: Json }) : {};
}
