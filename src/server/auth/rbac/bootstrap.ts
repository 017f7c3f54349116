import { semanticEqual } from '#api/equal.ts';
import type { ClusterRoleBinding } from '#api/kinds/rbac/cluster-role-binding.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import type { RbacSubject } from '#api/kinds/rbac/bindings.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { aggregatedRules } from './aggregated.ts';
import { AUTOUPDATE, bootstrapBindings, bootstrapRoles } from './bootstrap-policy.ts';
import { compacted, uncovered } from './covers.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES } from './resources.ts';

/**
 * What a start puts right about the cluster's own roles and bindings, as upstream (component-helpers/auth/rbac/reconciliation): what is missing is
 * added, what is there besides stays, and what is annotated with autoupdate "false" is left alone. Pure.
 */
export function bootstrapChanges(view: View): readonly Change[] {
  const roles = bootstrapRoles();
  return [
    ...roles.flatMap((role) => roleChanges(role, roles, view)),
    ...bootstrapBindings().flatMap((binding) => bindingChanges(binding, view)),
  ];
}

function roleChanges(wanted: ClusterRole, all: readonly ClusterRole[], view: View): readonly Change[] {
  // Sound: the store keeps under this resource only cluster roles.
  const old = view.get(CLUSTER_ROLES, '', wanted.metadata.name ?? '') as ClusterRole | undefined;
  if (old === undefined) return [{ verb: 'create', resource: CLUSTER_ROLES, object: { ...wanted, ...firstRules(wanted, all) } }];
  if (isLeftAlone(old)) return [];
  return update(CLUSTER_ROLES, old, { ...old, metadata: marked(old, wanted), ...rulesWith(old, wanted) });
}

/** What it will gather, so that it is whole from the first request on; later that is its controller's work. */
function firstRules(wanted: ClusterRole, all: readonly ClusterRole[]): Pick<ClusterRole, 'rules'> {
  const whole = (role: ClusterRole): ClusterRole => {
    const others = all.filter(({ metadata }) => metadata.name !== role.metadata.name);
    const selected = role.aggregationRule === undefined ? [] : others.filter((other) => gathers(role, other)).map(whole);
    const rules = aggregatedRules(
      role,
      selected.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)),
    );
    return rules === undefined ? role : { ...role, rules };
  };
  const { rules = [] } = whole(wanted);
  return { rules };
}

function gathers(role: ClusterRole, other: ClusterRole): boolean {
  return (aggregatedRules(role, [{ ...other, rules: [ANY] }]) ?? []).length > 0;
}

const ANY = { verbs: ['*'] };

function rulesWith(old: ClusterRole, wanted: ClusterRole): Pick<ClusterRole, 'rules' | 'aggregationRule'> {
  const selectors = wanted.aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined) {
    const { rules = [] } = old;
    const missing = compacted(uncovered(rules, wanted.rules ?? []));
    return missing.length === 0 ? {} : { rules: [...rules, ...missing] };
  }
  const own = old.aggregationRule?.clusterRoleSelectors ?? [];
  const missing = selectors.filter((selector) => !own.some((each) => semanticEqual(each, selector)));
  return missing.length === 0 ? {} : { aggregationRule: { clusterRoleSelectors: [...own, ...missing] } };
}

function bindingChanges(wanted: ClusterRoleBinding, view: View): readonly Change[] {
  const name = wanted.metadata.name ?? '';
  // Sound: as in roleChanges.
  const old = view.get(CLUSTER_ROLE_BINDINGS, '', name) as ClusterRoleBinding | undefined;
  if (old === undefined) return [{ verb: 'create', resource: CLUSTER_ROLE_BINDINGS, object: wanted }];
  if (isLeftAlone(old)) return [];
  // Which role a binding gives can not be changed: upstream makes it anew, too.
  if (!semanticEqual(old.roleRef, wanted.roleRef))
    return [
      { verb: 'delete', resource: CLUSTER_ROLE_BINDINGS, namespace: '', name },
      { verb: 'create', resource: CLUSTER_ROLE_BINDINGS, object: wanted },
    ];
  const { subjects = [] } = old;
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((each) => isSubject(each, subject)));
  return update(CLUSTER_ROLE_BINDINGS, old, {
    ...old,
    metadata: marked(old, wanted),
    ...(missing.length === 0 ? {} : { subjects: [...subjects, ...missing] }),
  });
}

function isSubject(a: RbacSubject, b: RbacSubject): boolean {
  return a.kind === b.kind && a.name === b.name;
}

function update(resource: string, old: KubeObject, next: KubeObject): readonly Change[] {
  return semanticEqual(old, next) ? [] : [{ verb: 'update', resource, object: next }];
}

function isLeftAlone({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[AUTOUPDATE] === 'false';
}

/** What stands there goes before what we would set. */
function marked({ metadata }: KubeObject, wanted: KubeObject): KubeObject['metadata'] {
  return {
    ...metadata,
    annotations: { ...wanted.metadata.annotations, ...metadata.annotations },
    labels: { ...wanted.metadata.labels, ...metadata.labels },
  };
}
