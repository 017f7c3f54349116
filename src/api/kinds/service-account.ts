/** ServiceAccounts: the row. What their tokens say is src/server/auth. */
import type { ServiceAccount } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { AUTHENTICATION } from './review/authentication-reviews.ts';
import { validateTokenRequest, type TokenRequest } from './review/token-request.ts';

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
  subresources: {
    token: {
      type: 'computed',
      group: AUTHENTICATION,
      version: 'v1',
      kind: 'TokenRequest',
      definition: 'io.k8s.api.authentication.v1.TokenRequest',
      // Sound: the body was decoded by this definition.
      validate: (body) => validateTokenRequest(body as TokenRequest),
    },
  },
  strategy: { default: (account) => account, validate: () => [] },
});

/** The user that its tokens make: `system:serviceaccount:default:web`. */
export function accountUser({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `system:serviceaccount:${namespace}:${name}`;
}
