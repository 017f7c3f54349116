import type { Registry } from '#api/registry.ts';
import type { Definition, Field, FieldType, Schema } from '#api/schema/schema.ts';
import type { Operation } from './operations.ts';
import { SCALE, SCALE_DEFINITION } from '../scale.ts';
import { DELETE_OPTIONS, STATUS } from './operations.ts';

/** Definitions as JSON schemas, all that some operations reach. `refPrefix` is where a document keeps them. */
export function definitionsOf(
  registry: Registry,
  schema: Schema,
  operations: readonly Operation[],
  refPrefix: string,
): Readonly<Record<string, unknown>> {
  const kinds = new Map(
    registry.resources.flatMap((resource) =>
      resource.versions.map(
        ({ version, definition }) => [definition, { group: resource.group, version, kind: resource.kind }] as const,
      ),
    ),
  );
  const waiting = [...operations.flatMap(({ body, answer }) => [body, answer]), STATUS, DELETE_OPTIONS];
  const found = new Map<string, unknown>();
  for (let name = waiting.shift(); waiting.length > 0 || name !== undefined; name = waiting.shift()) {
    const definition = name === undefined || found.has(name) ? undefined : schema.definition(name);
    if (name === undefined || definition === undefined) continue;
    const kind = kinds.get(name) ?? OTHER_KINDS[name] ?? listKind(kinds, name);
    found.set(name, {
      ...jsonSchema(definition, refPrefix),
      ...(kind === undefined ? {} : { 'x-kubernetes-group-version-kind': [kind] }),
    });
    waiting.push(...Object.values(definition.fields).flatMap(({ type }) => refsIn(type)));
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

type Kind = { readonly group: string; readonly version: string; readonly kind: string };

const OTHER_KINDS: Readonly<Record<string, Kind>> = {
  [SCALE_DEFINITION]: SCALE,
  [DELETE_OPTIONS]: { group: '', version: 'v1', kind: 'DeleteOptions' },
  [STATUS]: { group: '', version: 'v1', kind: 'Status' },
};

function listKind(kinds: ReadonlyMap<string, Kind>, name: string): Kind | undefined {
  const item = name.endsWith('List') ? kinds.get(name.slice(0, -'List'.length)) : undefined;
  return item === undefined ? undefined : { ...item, kind: `${item.kind}List` };
}

function refsIn(type: FieldType): readonly string[] {
  return type.type === 'ref'
    ? [type.definition]
    : type.type === 'list'
      ? refsIn(type.items)
      : type.type === 'map'
        ? refsIn(type.values)
        : [];
}

function jsonSchema(definition: Definition, refPrefix: string): Readonly<Record<string, unknown>> {
  const { description, scalar, fields } = definition;
  if (scalar !== undefined) return { description, ...SCALAR_SCHEMAS[scalar] };
  const required = Object.entries(fields)
    .filter(([, field]) => field.required)
    .map(([name]) => name);
  return {
    description,
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field, refPrefix)])),
  };
}

const SCALAR_SCHEMAS: Readonly<Record<NonNullable<Definition['scalar']>, Readonly<Record<string, unknown>>>> = {
  quantity: { type: 'string' },
  time: { type: 'string', format: 'date-time' },
  'micro-time': { type: 'string', format: 'date-time' },
  'int-or-string': { type: 'string', format: 'int-or-string' },
  any: { type: 'object' },
};

function fieldSchema(field: Field, refPrefix: string): Readonly<Record<string, unknown>> {
  const { description, patchStrategy, patchMergeKey, listType, listMapKeys, mapType } = field;
  return {
    description,
    ...typeSchema(field.type, refPrefix),
    ...(patchStrategy === undefined ? {} : { 'x-kubernetes-patch-strategy': patchStrategy.join(',') }),
    ...(patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': patchMergeKey }),
    ...(listType === undefined ? {} : { 'x-kubernetes-list-type': listType }),
    ...(listMapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': listMapKeys }),
    ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
  };
}

function typeSchema(type: FieldType, refPrefix: string): Readonly<Record<string, unknown>> {
  switch (type.type) {
    case 'ref':
      return { $ref: `${refPrefix}${type.definition}` };
    case 'list':
      return { type: 'array', items: typeSchema(type.items, refPrefix) };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.values, refPrefix) };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'integer':
      return { type: 'integer', format: `int${type.bits}` };
    case 'number':
      return { type: 'number', format: 'double' };
    default:
      return { type: type.type };
  }
}
