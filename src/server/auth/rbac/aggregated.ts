import { semanticEqual } from '#api/equal.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import { matchesLabelSelector } from '#api/selectors/label-selector.ts';

/** The rules that a role gathers from others by its aggregationRule; undefined for one that gathers none. `roles` in the order of their names. */
export function aggregatedRules(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) return undefined;
  const gathered: PolicyRule[] = [];
  for (const selector of selectors) {
    for (const { metadata, rules = [] } of roles) {
      if (metadata.name === role.metadata.name || !matchesLabelSelector(selector, metadata.labels)) continue;
      for (const rule of rules) if (!gathered.some((each) => semanticEqual(each, rule))) gathered.push(rule);
    }
  }
  return gathered;
}
