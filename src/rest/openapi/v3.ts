import { createHash } from 'node:crypto';
import { KUBERNETES } from '#api/kubernetes-version.ts';
import { apiVersion, type Registry } from '#api/registry.ts';
import type { Schema } from '#api/schema/schema.ts';
import { definitionsOf } from './definitions.ts';
import { BODY_MEDIA, PATCH_MEDIA, operationsOf, type Operation, type Parameter } from './operations.ts';

/** OpenAPI v3: an index, and a document for each group version. kubectl reads from it how to patch and what to validate. */
const PREFIX = '#/components/schemas/';

export function openApiV3Index(registry: Registry, schema: Schema): unknown {
  const paths = registry.groups.flatMap(({ group, versions }) =>
    versions.map((version) => {
      const path = `${group === '' ? 'api' : 'apis'}/${apiVersion(group, version)}`;
      const hash = createHash('sha256')
        .update(JSON.stringify(openApiV3Document(registry, schema, group, version)))
        .digest('hex')
        .slice(0, 32)
        .toUpperCase();
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
    }),
  );
  return { paths: Object.fromEntries(paths) };
}

export function openApiV3Document(registry: Registry, schema: Schema, group: string, version: string): unknown {
  const operations = operationsOf(registry, schema, group, version);
  const paths = Map.groupBy(operations, ({ path }) => path);
  return {
    openapi: '3.0.0',
    info: { title: 'Skerry', version: KUBERNETES.gitVersion },
    paths: Object.fromEntries(
      [...paths].map(([path, entries]) => [path, Object.fromEntries(entries.map((entry) => [entry.method, operation(entry)]))]),
    ),
    components: { schemas: definitionsOf(registry, schema, operations, PREFIX) },
  };
}

function operation(entry: Operation): unknown {
  const { group, version, kind, action, id, body, answer, parameters, method } = entry;
  const ref = (definition: string) => ({ schema: { $ref: `${PREFIX}${definition}` } });
  const patch = { schema: { type: 'object', description: 'A patch of the media type.' } };
  const request = method === 'patch' ? media(PATCH_MEDIA, patch) : body === undefined ? undefined : media(BODY_MEDIA, ref(body));
  return {
    operationId: id,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
    parameters: parameters.map(parameter),
    ...(request === undefined ? {} : { requestBody: { content: request, required: method !== 'delete' } }),
    responses: {
      '200': {
        description: 'OK',
        content:
          answer === undefined ? { 'text/plain': { schema: { type: 'string' } } } : media(['application/json'], ref(answer)),
      },
    },
  };
}

function media(types: readonly string[], value: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(types.map((type) => [type, value]));
}

function parameter({ name, in: place, type, description }: Parameter): unknown {
  return { name, in: place, description, ...(place === 'path' ? { required: true } : {}), schema: { type, uniqueItems: true } };
}
