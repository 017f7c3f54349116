/** Fills the rules of ClusterRoles that gather those of others by an aggregationRule (pkg/controller/clusterroleaggregation). */
import { semanticEqual } from '#api/equal.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import { aggregatedRules } from '../auth/rbac/aggregated.ts';
import { CLUSTER_ROLES } from '../auth/rbac/resources.ts';
import type { View } from '../view.ts';
import { mergePatch } from './changes.ts';
import type { Controller } from './controller.ts';

export const clusterRoleAggregation: Controller = {
  name: 'clusterrole-aggregation',
  // Whichever role changes, those that gather look whether it is theirs: they are few.
  keysOf: ({ resource }, view) => (resource === CLUSTER_ROLES ? gathering(view) : []),
  keys: gathering,
  reconcile: (name, view) => {
    // Sound: the store keeps under this resource only cluster roles.
    const role = view.get(CLUSTER_ROLES, '', name) as ClusterRole | undefined;
    const rules = role === undefined ? undefined : aggregatedRules(role, rolesIn(view));
    if (role === undefined || rules === undefined || semanticEqual(role.rules ?? [], rules)) return { changes: [] };
    return { changes: [mergePatch(CLUSTER_ROLES, role, { rules })] };
  },
};

function gathering(view: View): readonly string[] {
  return rolesIn(view).flatMap(({ metadata, aggregationRule }) => (aggregationRule === undefined ? [] : [metadata.name ?? '']));
}

function rolesIn(view: View): readonly ClusterRole[] {
  // Sound: as above.
  return view.list(CLUSTER_ROLES) as readonly ClusterRole[];
}
