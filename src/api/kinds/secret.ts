/** Secrets: the row and its rules. Values are base64 texts here, as on the wire. */
import { semanticEqual } from '../equal.ts';
import { forbidden, invalid, required, tooLong, type FieldError } from '../field-error.ts';
import type { Secret } from '../generated/types.ts';
import { configKeyProblems } from '../names.ts';
import { defineResource, type Resource } from '../resource.ts';
import { base64ByteLength, base64OfText } from '../text.ts';
import { age } from './age.ts';
import { keyed, orDefault } from './blank.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { DATA_BYTES_MAX } from './config-map.ts';

export type { Secret } from '../generated/types.ts';

const SERVICE_ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';

/** Keys that a type of secret must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

export const secretResource: Resource = defineResource<Secret>({
  id: 'secrets',
  group: '',
  plural: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Secret' }],
  fields: { type: ({ type }) => type ?? '' },
  columns: [
    NAME_COLUMN,
    column('Type', 'string', 'What it holds, and so which keys it must have.'),
    column('Data', 'string', 'How many values it holds.'),
    AGE_COLUMN,
  ],
  cells: ({ metadata, type, data = {} }, now) => [
    metadata.name ?? '',
    type ?? '',
    Object.keys(data).length,
    age(metadata.creationTimestamp, now),
  ],
  subresources: {},
  strategy: { default: defaultSecret, validate, validateUpdate },
});

/** stringData is a way to write data and is never kept. */
function defaultSecret({ stringData, ...secret }: Secret): Secret {
  const type = orDefault(secret.type, 'Opaque');
  if (stringData === undefined) return { ...secret, type };
  const encoded = Object.fromEntries(Object.entries(stringData).map(([key, text]) => [key, base64OfText(text)]));
  return { ...secret, type, data: { ...secret.data, ...encoded } };
}

function validate(secret: Secret): readonly FieldError[] {
  const { data = {}, type = '' } = secret;
  const keys = Object.keys(data).flatMap((key) =>
    configKeyProblems(key).map((problem) => invalid(keyed('data', key), key, problem)),
  );
  const bytes = Object.values(data).reduce((sum, text) => sum + (base64ByteLength(text) ?? text.length), 0);
  return [...keys, ...(bytes > DATA_BYTES_MAX ? [tooLong('data', DATA_BYTES_MAX)] : []), ...validateType(secret, type, data)];
}

function validateType(secret: Secret, type: string, data: Readonly<Record<string, string>>): readonly FieldError[] {
  if (type === 'kubernetes.io/service-account-token') {
    const account = secret.metadata.annotations?.[SERVICE_ACCOUNT_ANNOTATION] ?? '';
    return account === '' ? [required(keyed('metadata.annotations', SERVICE_ACCOUNT_ANNOTATION))] : [];
  }
  if (type === 'kubernetes.io/basic-auth') {
    return Object.hasOwn(data, 'username') || Object.hasOwn(data, 'password')
      ? []
      : [required('data[username]'), required('data[password]')];
  }
  return (REQUIRED_KEYS[type] ?? []).filter((key) => !Object.hasOwn(data, key)).map((key) => required(keyed('data', key)));
}

function validateUpdate(next: Secret, old: Secret): readonly FieldError[] {
  const type = next.type === old.type ? [] : [invalid('type', next.type, 'field is immutable')];
  if (old.immutable !== true) return type;
  return [
    ...type,
    ...(next.immutable === true ? [] : [forbidden('immutable', IMMUTABLE_DATA)]),
    ...(semanticEqual(next.data, old.data) ? [] : [forbidden('data', IMMUTABLE_DATA)]),
  ];
}

const IMMUTABLE_DATA = 'field is immutable when `immutable` is set';
