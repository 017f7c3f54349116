import protobuf from 'protobufjs/minimal.js';
import type { SwaggerDocument, SwaggerOperation } from './v2.ts';

/**
 * OpenAPI v2 in gnostic's protobuf (openapi.v2.Document), field by field of what our documents hold. Vendor extensions travel as
 * names with YAML values; JSON is YAML, so that is what they carry.
 */
type Writer = protobuf.Writer;
type Encode = (writer: Writer) => void;

export function encodeDocument(document: SwaggerDocument): Uint8Array {
  const writer = protobuf.Writer.create();
  string(writer, 1, document.swagger);
  message(writer, 2, (info) => {
    string(info, 1, document.info.title);
    string(info, 2, document.info.version);
  });
  message(writer, 8, (paths) => {
    for (const [path, operations] of Object.entries(document.paths)) named(paths, 2, path, (item) => pathItem(item, operations));
  });
  message(writer, 9, (definitions) => {
    for (const [name, schema] of Object.entries(document.definitions))
      named(definitions, 1, name, (value) => schemaOf(value, asRecord(schema)));
  });
  return writer.finish();
}

const METHOD_FIELDS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(writer: Writer, operations: Readonly<Record<string, SwaggerOperation>>): void {
  for (const [method, operation] of Object.entries(operations))
    message(writer, METHOD_FIELDS[method] ?? 0, (body) => operationOf(body, operation));
}

function operationOf(writer: Writer, operation: SwaggerOperation): void {
  string(writer, 5, operation.operationId);
  for (const media of operation.produces) string(writer, 6, media);
  for (const media of operation.consumes) string(writer, 7, media);
  // ParametersItem.parameter: bodyParameter or nonBodyParameter.
  for (const parameter of operation.parameters)
    message(writer, 8, (item) => message(item, 1, (value) => parameterOf(value, parameter)));
  message(writer, 9, (responses) => {
    for (const [code, { description, schema }] of Object.entries(operation.responses)) {
      named(responses, 1, code, (value) =>
        message(value, 1, (response) => {
          string(response, 1, description);
          message(response, 2, (item) => message(item, 1, (body) => schemaOf(body, asRecord(schema))));
        }),
      );
    }
  });
  extensions(writer, 13, operation);
}

function parameterOf(writer: Writer, parameter: Readonly<Record<string, unknown>>): void {
  if (parameter.in === 'body') {
    message(writer, 1, (body) => {
      string(body, 2, String(parameter.name));
      string(body, 3, 'body');
      if (parameter.required === true) body.uint32(4 << 3).bool(true);
      message(body, 5, (schema) => schemaOf(schema, asRecord(parameter.schema)));
    });
    return;
  }
  const inPath = parameter.in === 'path';
  message(writer, 2, (other) =>
    message(other, inPath ? 4 : 3, (value) => {
      if (inPath) value.uint32(1 << 3).bool(true);
      string(value, 2, String(parameter.in));
      string(value, 3, String(parameter.description));
      string(value, 4, String(parameter.name));
      string(value, inPath ? 5 : 6, String(parameter.type));
    }),
  );
}

function schemaOf(writer: Writer, schema: Readonly<Record<string, unknown>>): void {
  if (typeof schema.$ref === 'string') string(writer, 1, schema.$ref);
  if (typeof schema.format === 'string') string(writer, 2, schema.format);
  if (typeof schema.description === 'string') string(writer, 4, schema.description);
  if (Array.isArray(schema.required)) for (const name of schema.required) string(writer, 19, String(name));
  if (schema.additionalProperties !== undefined)
    message(writer, 21, (item) => message(item, 1, (value) => schemaOf(value, asRecord(schema.additionalProperties))));
  if (typeof schema.type === 'string') message(writer, 22, (type) => string(type, 1, String(schema.type)));
  if (schema.items !== undefined)
    message(writer, 23, (items) => message(items, 1, (value) => schemaOf(value, asRecord(schema.items))));
  if (schema.properties !== undefined) {
    message(writer, 25, (properties) => {
      for (const [name, property] of Object.entries(asRecord(schema.properties)))
        named(properties, 1, name, (value) => schemaOf(value, asRecord(property)));
    });
  }
  extensions(writer, 31, schema);
}

/** NamedAny{name, value: Any{yaml}} for every `x-` key. */
function extensions(writer: Writer, field: number, holder: object): void {
  for (const [name, value] of Object.entries(holder)) {
    if (name.startsWith('x-')) named(writer, field, name, (any) => string(any, 2, JSON.stringify(value)));
  }
}

function named(writer: Writer, field: number, name: string, value: Encode): void {
  message(writer, field, (entry) => {
    string(entry, 1, name);
    message(entry, 2, value);
  });
}

function message(writer: Writer, field: number, encode: Encode): void {
  writer.uint32((field << 3) | 2).fork();
  encode(writer);
  writer.ldelim();
}

function string(writer: Writer, field: number, text: string): void {
  writer.uint32((field << 3) | 2).string(text);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Sound: called on parts of a document of ours, which are objects wherever it is called.
  return value as Readonly<Record<string, unknown>>;
}
