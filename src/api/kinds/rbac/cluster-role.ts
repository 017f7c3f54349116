/** ClusterRoles (rbac.authorization.k8s.io): what may be done everywhere, or where a binding says. Filling those that gather others is a controller's work. */
import { required, type FieldError } from '../../field-error.ts';
import type { ClusterRole } from '../../generated/types.ts';
import { defineResource, type Resource } from '../../resource.ts';
import { at } from '../blank.ts';
import { NO_ERRORS } from '../check.ts';
import { CREATED_COLUMNS, createdCells } from '../columns.ts';
import { validateLabelSelector } from '../workload/validate-selector.ts';
import { RBAC_GROUP, validateRules } from './rules.ts';

export type { ClusterRole } from '../../generated/types.ts';

export const clusterRoleResource: Resource = defineResource<ClusterRole>({
  id: `clusterroles.${RBAC_GROUP}`,
  group: RBAC_GROUP,
  plural: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  shortNames: [],
  categories: [],
  namespaced: false,
  versions: [{ version: 'v1', definition: 'io.k8s.api.rbac.v1.ClusterRole' }],
  fields: {},
  columns: CREATED_COLUMNS,
  cells: createdCells,
  subresources: {},
  strategy: {
    default: (role) => role,
    validate: ({ rules, aggregationRule }) => [...validateRules(rules, false), ...validateAggregation(aggregationRule)],
    nameRule: 'path-segment',
    createOnUpdate: true,
  },
});

function validateAggregation(rule: ClusterRole['aggregationRule']): readonly FieldError[] {
  if (rule === undefined) return NO_ERRORS;
  const { clusterRoleSelectors: selectors = [] } = rule;
  const path = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0) return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return selectors.flatMap((selector, index) => validateLabelSelector(selector, at(path, index)));
}
