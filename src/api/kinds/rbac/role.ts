/** Roles (rbac.authorization.k8s.io): what may be done in one namespace. */
import type { Role } from '../../generated/types.ts';
import { defineResource, type Resource } from '../../resource.ts';
import { CREATED_COLUMNS, createdCells } from '../columns.ts';
import { RBAC_GROUP, validateRules } from './rules.ts';

export type { Role } from '../../generated/types.ts';

export const roleResource: Resource = defineResource<Role>({
  id: `roles.${RBAC_GROUP}`,
  group: RBAC_GROUP,
  plural: 'roles',
  singular: 'role',
  kind: 'Role',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.rbac.v1.Role' }],
  fields: {},
  columns: CREATED_COLUMNS,
  cells: createdCells,
  subresources: {},
  strategy: {
    default: (role) => role,
    validate: ({ rules }) => validateRules(rules, true),
    nameRule: 'path-segment',
    createOnUpdate: true,
  },
});
