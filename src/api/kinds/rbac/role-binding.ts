/** RoleBindings (rbac.authorization.k8s.io): who is given a role in one namespace. */
import type { RoleBinding } from '../../generated/types.ts';
import { defineResource, type Resource } from '../../resource.ts';
import { BINDING_COLUMNS, bindingCells, validateBinding, validateBindingUpdate, withDefaultGroups } from './bindings.ts';
import { RBAC_GROUP } from './rules.ts';

export type { RoleBinding } from '../../generated/types.ts';

export const roleBindingResource: Resource = defineResource<RoleBinding>({
  id: `rolebindings.${RBAC_GROUP}`,
  group: RBAC_GROUP,
  plural: 'rolebindings',
  singular: 'rolebinding',
  kind: 'RoleBinding',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.rbac.v1.RoleBinding' }],
  fields: {},
  columns: BINDING_COLUMNS,
  cells: bindingCells,
  subresources: {},
  strategy: {
    default: withDefaultGroups,
    validate: (binding) => validateBinding(binding, ['Role', 'ClusterRole'], true),
    validateUpdate: validateBindingUpdate,
    nameRule: 'path-segment',
    createOnUpdate: true,
  },
});
