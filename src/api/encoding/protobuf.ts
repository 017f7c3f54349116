import protobuf from 'protobufjs/minimal.js';
import { rfc3339 } from '#lib/time.ts';
import { setOwn } from '../json-object.ts';
import type { Json } from '../object.ts';
import { canonicalQuantity } from '../quantity.ts';
import type { Message, Schema } from '../schema/schema.ts';
import { badRequestError } from '../status.ts';
import { parse } from './json.ts';

/**
 * Protobuf request bodies: `k8s\0` and a runtime.Unknown whose raw bytes are an object. The walk follows the schema's messages; fields
 * that they do not have are skipped, as upstream does. Zeros stay: which of them mean nothing is conform's to know.
 */
export type Envelope = { readonly apiVersion: string; readonly kind: string; readonly raw: Uint8Array };

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
/** Messages within messages: no kind has so many. */
const DEPTH_MAX = 100;

/** Throws 400 for what is no such body. */
export function openEnvelope(bytes: Uint8Array): Envelope {
  if (!MAGIC.every((byte, index) => bytes[index] === byte))
    throw badRequestError('the body of the request is not protobuf of Kubernetes: its first four bytes are not "k8s\\0"');
  return reading(() => {
    const [type = EMPTY, raw = EMPTY] = rawFields(bytes.subarray(MAGIC.length), 1, 2);
    const [apiVersion = EMPTY, kind = EMPTY] = rawFields(type, 1, 2);
    return { apiVersion: textOf(apiVersion), kind: textOf(kind), raw };
  });
}

/** Throws 400. `definition`: of what the bytes are, as schema.definition knows it. */
export function decodeProtobuf(bytes: Uint8Array, definition: string, schema: Schema): Readonly<Record<string, Json>> {
  return reading(() => {
    const name = definition.replace(/^io\.k8s\./, '');
    const message = schema.message(name);
    if (message === undefined) throw new Error(`${name} is not known`);
    const result: Record<string, Json> = {};
    readMessage(bytes, { schema, name, message, depth: 0 }, result);
    return result;
  });
}

function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw badRequestError(
      `the body of the request can not be read as protobuf: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

type Reader = protobuf.Reader;
type Place = { readonly schema: Schema; readonly name: string; readonly message: Message; readonly depth: number };
type Fields = Record<string, Json>;

function readMessage(bytes: Uint8Array, place: Place, into: Fields): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = place.message[String(tag >>> 3)];
    if (field === undefined) skip(reader, tag & 7);
    else readField(reader, tag & 7, field, place, into);
  }
}

function readField(reader: Reader, wire: number, [name, type]: Message[string], place: Place, into: Fields): void {
  if (type.startsWith('[]')) return readElements(reader, wire, type.slice(2), listIn(into, name), place);
  const map = /^map<string,(.+)>$/.exec(type);
  if (map !== null) return readEntry(lengthDelimited(reader, wire), map[1] ?? '', mapIn(into, name), place);
  if (name === '') return readMessage(lengthDelimited(reader, wire), below(place, type), into);
  const value = readValue(reader, wire, type, place, into[name]);
  if (value !== null) into[name] = value;
}

/** Numbers may come packed: all of them in one field. */
function readElements(reader: Reader, wire: number, type: string, list: Json[], place: Place): void {
  if (wire !== LENGTH_DELIMITED || WIRE_TYPES[type] === undefined || WIRE_TYPES[type] === LENGTH_DELIMITED) {
    list.push(readValue(reader, wire, type, place));
    return;
  }
  const packed = protobuf.Reader.create(reader.bytes());
  while (packed.pos < packed.len) list.push(readValue(packed, WIRE_TYPES[type], type, place));
}

function readEntry(bytes: Uint8Array, type: string, map: Fields, place: Place): void {
  const entry = protobuf.Reader.create(bytes);
  let key = '';
  let value: Json | undefined;
  while (entry.pos < entry.len) {
    const tag = entry.uint32();
    if (tag >>> 3 === 1) key = textOf(lengthDelimited(entry, tag & 7));
    else if (tag >>> 3 === 2) value = readValue(entry, tag & 7, type, place);
    else skip(entry, tag & 7);
  }
  setOwn(map, key, value ?? readValue(protobuf.Reader.create(NOTHING), LENGTH_DELIMITED, type, place));
}

/** `before`: what a message of the same field left, which this one adds to. Null is a time that is not set. */
function readValue(reader: Reader, wire: number, type: string, place: Place, before?: Json): Json {
  if (wire !== (WIRE_TYPES[type] ?? LENGTH_DELIMITED)) throw new Error(`${place.name} has a ${type} of wire type ${wire}`);
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
    default: {
      const special = SPECIAL[type];
      if (special !== undefined) return special(reader.bytes());
      // Sound: an object in a result was made here, and nobody has seen it.
      const result = typeof before === 'object' && before !== null ? (before as Fields) : {};
      readMessage(reader.bytes(), below(place, type), result);
      return result;
    }
  }
}

function below({ schema, depth }: Place, name: string): Place {
  const message = schema.message(name);
  if (message === undefined) throw new Error(`${name} is not known`);
  if (depth >= DEPTH_MAX) throw new Error(`${name} is nested too deeply`);
  return { schema, name, message, depth: depth + 1 };
}

function listIn(into: Fields, name: string): Json[] {
  // Sound: a list in a result was made here, and nobody has seen it.
  return (into[name] ??= []) as Json[];
}

function mapIn(into: Fields, name: string): Fields {
  // Sound: as in listIn.
  return (into[name] ??= {}) as Fields;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const WIRE_TYPES: Readonly<Record<string, number>> = {
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
  bool: VARINT,
  int32: VARINT,
  int64: VARINT,
  double: FIXED64,
};

function lengthDelimited(reader: Reader, wire: number): Uint8Array {
  if (wire !== LENGTH_DELIMITED) throw new Error(`a field has wire type ${wire} where bytes belong`);
  return reader.bytes();
}

/** Groups are of another time; no client of Kubernetes sends any, and to skip them would take recursion. */
function skip(reader: Reader, wire: number): void {
  if (wire === 3 || wire === 4) throw new Error('it holds a group');
  reader.skipType(wire);
}

const SPECIAL: Readonly<Record<string, (bytes: Uint8Array) => Json>> = {
  'apimachinery.pkg.api.resource.Quantity': quantity,
  'apimachinery.pkg.apis.meta.v1.Time': time,
  'apimachinery.pkg.apis.meta.v1.MicroTime': microTime,
  'apimachinery.pkg.util.intstr.IntOrString': intOrString,
  'apimachinery.pkg.runtime.RawExtension': rawJson,
  'apimachinery.pkg.apis.meta.v1.FieldsV1': rawJson,
  'api.authentication.v1.ExtraValue': texts,
  'api.authorization.v1.ExtraValue': texts,
};

function quantity(bytes: Uint8Array): Json {
  const [text] = rawFields(bytes, 1);
  return text === undefined ? '0' : canonicalQuantity(textOf(text));
}

function rawJson(bytes: Uint8Array): Json {
  const [raw = EMPTY] = rawFields(bytes, 1);
  return raw.length === 0 ? null : parse(textOf(raw));
}

/** The zero time is written as no fields at all. */
function time(bytes: Uint8Array): Json {
  return bytes.length === 0 ? null : rfc3339(numbers(bytes)[0] * 1000);
}

function microTime(bytes: Uint8Array): Json {
  if (bytes.length === 0) return null;
  const [seconds, nanos] = numbers(bytes);
  return `${rfc3339(seconds * 1000).slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function intOrString(bytes: Uint8Array): Json {
  const [type, number] = numbers(bytes);
  return type === 0 ? number : textOf(rawFields(bytes, 3)[0] ?? EMPTY);
}

/** A list of texts that is a message of its own, as the value of a map. */
function texts(bytes: Uint8Array): Json {
  const found: string[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) found.push(textOf(lengthDelimited(reader, tag & 7)));
    else skip(reader, tag & 7);
  }
  return found;
}

const EMPTY = new Uint8Array();
/** A message of no fields, its length in front. */
const NOTHING = new Uint8Array([0]);

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** The last of each of these fields of bytes. */
function rawFields(bytes: Uint8Array, ...wanted: readonly number[]): readonly (Uint8Array | undefined)[] {
  const found = new Map<number, Uint8Array>();
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === LENGTH_DELIMITED) found.set(tag >>> 3, reader.bytes());
    else skip(reader, tag & 7);
  }
  return wanted.map((number) => found.get(number));
}

/** The first two fields, as numbers. */
function numbers(bytes: Uint8Array): readonly [number, number] {
  const found: [number, number] = [0, 0];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    if ((tag & 7) === VARINT && (field === 1 || field === 2)) found[field - 1] = Number(reader.int64());
    else skip(reader, tag & 7);
  }
  return found;
}
