import { KUBERNETES } from '#api/kubernetes-version.ts';
import type { Registry } from '#api/registry.ts';
import type { Schema } from '#api/schema/schema.ts';
import { definitionsOf } from './definitions.ts';
import { BODY_MEDIA, PATCH_MEDIA, operationsOf, type Operation, type Parameter } from './operations.ts';
import { encodeDocument } from './v2-protobuf.ts';

/** OpenAPI v2 (Swagger), as JSON and as the protobuf that kubectl up to 1.28 insists on. */
const PREFIX = '#/definitions/';

export type SwaggerDocument = {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, SwaggerOperation>>>>;
  readonly definitions: Readonly<Record<string, unknown>>;
};

export type SwaggerOperation = {
  readonly operationId: string;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly Readonly<Record<string, unknown>>[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly schema: unknown }>>;
  readonly 'x-kubernetes-action': string;
  readonly 'x-kubernetes-group-version-kind': unknown;
};

export function openApiV2Protobuf(registry: Registry, schema: Schema): Uint8Array {
  return encodeDocument(openApiV2Json(registry, schema));
}

export function openApiV2Json(registry: Registry, schema: Schema): SwaggerDocument {
  const operations = registry.groups.flatMap(({ group, versions }) =>
    versions.flatMap((version) => operationsOf(registry, schema, group, version)),
  );
  const paths = Map.groupBy(operations, ({ path }) => path);
  return {
    swagger: '2.0',
    info: { title: 'Skerry', version: KUBERNETES.gitVersion },
    paths: Object.fromEntries(
      [...paths].map(([path, entries]) => [path, Object.fromEntries(entries.map((entry) => [entry.method, operation(entry)]))]),
    ),
    definitions: definitionsOf(registry, schema, operations, PREFIX),
  };
}

function operation(entry: Operation): SwaggerOperation {
  const { group, version, kind, action, id, body, answer, parameters, method } = entry;
  const bodyParameter =
    method === 'patch'
      ? [{ name: 'body', in: 'body', required: true, schema: { type: 'object' } }]
      : body === undefined
        ? []
        : [{ name: 'body', in: 'body', required: method !== 'delete', schema: { $ref: `${PREFIX}${body}` } }];
  return {
    operationId: id,
    consumes: method === 'patch' ? PATCH_MEDIA : BODY_MEDIA,
    produces: ['application/json', 'application/yaml'],
    parameters: [...bodyParameter, ...parameters.map(parameter)],
    responses: {
      '200': { description: 'OK', schema: answer === undefined ? { type: 'string' } : { $ref: `${PREFIX}${answer}` } },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function parameter({ name, in: place, type, description }: Parameter): Readonly<Record<string, unknown>> {
  return { name, in: place, description, type, uniqueItems: true, ...(place === 'path' ? { required: true } : {}) };
}
