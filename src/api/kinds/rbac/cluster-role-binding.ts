/** ClusterRoleBindings (rbac.authorization.k8s.io): who is given a role everywhere. */
import type { ClusterRoleBinding } from '../../generated/types.ts';
import { defineResource, type Resource } from '../../resource.ts';
import { BINDING_COLUMNS, bindingCells, validateBinding, validateBindingUpdate, withDefaultGroups } from './bindings.ts';
import { RBAC_GROUP } from './rules.ts';

export type { ClusterRoleBinding } from '../../generated/types.ts';

export const clusterRoleBindingResource: Resource = defineResource<ClusterRoleBinding>({
  id: `clusterrolebindings.${RBAC_GROUP}`,
  group: RBAC_GROUP,
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  kind: 'ClusterRoleBinding',
  shortNames: [],
  categories: [],
  namespaced: false,
  versions: [{ version: 'v1', definition: 'io.k8s.api.rbac.v1.ClusterRoleBinding' }],
  fields: {},
  columns: BINDING_COLUMNS,
  cells: bindingCells,
  subresources: {},
  strategy: {
    default: withDefaultGroups,
    validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
    validateUpdate: validateBindingUpdate,
    nameRule: 'path-segment',
    createOnUpdate: true,
  },
});
