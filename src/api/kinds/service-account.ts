/** ServiceAccounts: the row. */
import type { ServiceAccount } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';

export type { ServiceAccount } from '../generated/types.ts';

export const serviceAccountResource: Resource = defineResource<ServiceAccount>({
  id: 'serviceaccounts',
  group: '',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.ServiceAccount' }],
  fields: {},
  columns: [NAME_COLUMN, column('Secrets', 'string', 'How many secrets its pods may use.'), AGE_COLUMN],
  cells: ({ metadata, secrets = [] }, now) => [metadata.name ?? '', secrets.length, age(metadata.creationTimestamp, now)],
  subresources: {},
  strategy: { default: (account) => account, validate: () => [] },
});
