/** ConfigMaps: the row and its rules. */
import { forbidden, invalid, tooLong, type FieldError } from '../field-error.ts';
import type { ConfigMap } from '../generated/types.ts';
import { configKeyProblems } from '../names.ts';
import { defineResource, type Resource } from '../resource.ts';
import { semanticEqual } from '../equal.ts';
import { base64ByteLength, byteLength } from '../text.ts';
import { age } from './age.ts';
import { keyed } from './blank.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';

export type { ConfigMap } from '../generated/types.ts';

/** The sum of all values (pkg/apis/core: MaxSecretSize). */
export const DATA_BYTES_MAX = 1024 * 1024;

/** How upstream writes the path of the object itself. */
const WHOLE = '[]';

export const configMapResource: Resource = defineResource<ConfigMap>({
  id: 'configmaps',
  group: '',
  plural: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.ConfigMap' }],
  fields: {},
  columns: [NAME_COLUMN, column('Data', 'string', 'How many values it holds.'), AGE_COLUMN],
  cells: ({ metadata, data = {}, binaryData = {} }, now) => [
    metadata.name ?? '',
    Object.keys(data).length + Object.keys(binaryData).length,
    age(metadata.creationTimestamp, now),
  ],
  subresources: {},
  strategy: { default: (configMap) => configMap, validate, validateUpdate },
});

function validate({ data = {}, binaryData = {} }: ConfigMap): readonly FieldError[] {
  const plain = Object.keys(data).flatMap((key) => [
    ...configKeyProblems(key).map((problem) => invalid(keyed('data', key), key, problem)),
    ...(Object.hasOwn(binaryData, key) ? [invalid(keyed('data', key), key, 'duplicate of key present in binaryData')] : []),
  ]);
  const binary = Object.keys(binaryData).flatMap((key) => [
    ...configKeyProblems(key).map((problem) => invalid(keyed('binaryData', key), key, problem)),
    ...(Object.hasOwn(data, key) ? [invalid(keyed('binaryData', key), key, 'duplicate of key present in data')] : []),
  ]);
  const bytes =
    Object.values(data).reduce((sum, text) => sum + byteLength(text), 0) +
    Object.values(binaryData).reduce((sum, text) => sum + (base64ByteLength(text) ?? text.length), 0);
  return [...plain, ...binary, ...(bytes > DATA_BYTES_MAX ? [tooLong(WHOLE, DATA_BYTES_MAX)] : [])];
}

function validateUpdate(next: ConfigMap, old: ConfigMap): readonly FieldError[] {
  const changed = (field: 'data' | 'binaryData'): readonly FieldError[] =>
    semanticEqual(next[field], old[field]) ? [] : [forbidden(field, IMMUTABLE_DATA)];
  return old.immutable === true
    ? [...(next.immutable === true ? [] : [forbidden('immutable', IMMUTABLE_DATA)]), ...changed('data'), ...changed('binaryData')]
    : [];
}

const IMMUTABLE_DATA = 'field is immutable when `immutable` is set';
