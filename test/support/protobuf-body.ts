import protobuf from 'protobufjs/minimal.js';
import type { Json } from '../../src/api/object.ts';
import type { Schema } from '../../src/api/schema/schema.ts';

/** A protobuf body as clients of Kubernetes send it, by the schema's own table. What is not in the object is not written. */
export function protobufBody(object: Fields, definition: string, schema: Schema): Uint8Array {
  const { apiVersion = '', kind = '' } = object;
  const type = protobuf.Writer.create().uint32(10).string(textOf(apiVersion)).uint32(18).string(textOf(kind)).finish();
  const raw = messageOf(object, definition.replace(/^io\.k8s\./, ''), schema);
  const unknown = protobuf.Writer.create()
    .uint32(10)
    .bytes(type)
    .uint32(18)
    .bytes(raw)
    .uint32(26)
    .string('')
    .uint32(34)
    .string('');
  return new Uint8Array([0x6b, 0x38, 0x73, 0x00, ...unknown.finish()]);
}

type Fields = { readonly [name: string]: Json };
type Writer = protobuf.Writer;

function messageOf(value: Fields, name: string, schema: Schema): Uint8Array {
  const message = schema.message(name);
  if (message === undefined) throw new Error(`no message ${name}`);
  const writer = protobuf.Writer.create();
  for (const [number, [field, type]] of Object.entries(message)) {
    const given = field === '' ? value : Object.hasOwn(value, field) ? value[field] : undefined;
    if (given !== undefined) write(writer, Number(number), type, given, schema);
  }
  return writer.finish();
}

function write(writer: Writer, number: number, type: string, value: Json, schema: Schema): void {
  const map = /^map<string,(.+)>$/.exec(type)?.[1];
  if (map !== undefined) {
    for (const [key, item] of Object.entries(value as Fields)) {
      const entry = protobuf.Writer.create().uint32(10).string(key);
      write(entry, 2, map, item, schema);
      writer.uint32((number << 3) | 2).bytes(entry.finish());
    }
  } else if (type.startsWith('[]')) {
    for (const item of value as readonly Json[]) write(writer, number, type.slice(2), item, schema);
  } else writeOne(writer, number, type, value, schema);
}

function writeOne(writer: Writer, number: number, type: string, value: Json, schema: Schema): void {
  const tag = (wire: number) => writer.uint32((number << 3) | wire);
  switch (type) {
    case 'string':
      return void tag(2).string(textOf(value));
    case 'bytes':
      return void tag(2).bytes(Buffer.from(textOf(value), 'base64'));
    case 'bool':
      return void tag(0).bool(Boolean(value));
    case 'int32':
    case 'int64':
      return void tag(0).int64(Number(value));
    case 'double':
      return void tag(1).double(Number(value));
    default:
      return void tag(2).bytes(SPECIAL[type]?.(value) ?? messageOf(value as Fields, type, schema));
  }
}

const bytesField = (bytes: string | Uint8Array) => protobuf.Writer.create().uint32(10).bytes(Buffer.from(bytes)).finish();

const SPECIAL: Readonly<Record<string, (value: Json) => Uint8Array>> = {
  'apimachinery.pkg.api.resource.Quantity': (value) => bytesField(textOf(value)),
  'apimachinery.pkg.apis.meta.v1.Time': (value) => time(textOf(value)),
  'apimachinery.pkg.apis.meta.v1.MicroTime': (value) => time(textOf(value)),
  'apimachinery.pkg.util.intstr.IntOrString': (value) =>
    typeof value === 'number'
      ? protobuf.Writer.create().uint32(8).int32(0).uint32(16).int64(value).uint32(26).string('').finish()
      : protobuf.Writer.create().uint32(8).int32(1).uint32(16).int64(0).uint32(26).string(textOf(value)).finish(),
  'apimachinery.pkg.runtime.RawExtension': (value) => bytesField(JSON.stringify(value)),
  'apimachinery.pkg.apis.meta.v1.FieldsV1': (value) => bytesField(JSON.stringify(value)),
  'api.authentication.v1.ExtraValue': texts,
  'api.authorization.v1.ExtraValue': texts,
};

function texts(value: Json): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const each of value as readonly Json[]) writer.uint32(10).string(textOf(each));
  return writer.finish();
}

function textOf(value: Json): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no text`);
  return value;
}

function time(text: string): Uint8Array {
  const micros = Number(/\.(\d{6})Z$/.exec(text)?.[1] ?? 0);
  return protobuf.Writer.create()
    .uint32(8)
    .int64(Math.floor(Date.parse(text) / 1000))
    .uint32(16)
    .int32(micros * 1000)
    .finish();
}
