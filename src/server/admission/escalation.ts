import { semanticEqual } from '#api/equal.ts';
import { asGiven } from '#api/kinds/check.ts';
import type { Binding } from '#api/kinds/rbac/bindings.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import type { Role } from '#api/kinds/rbac/role.ts';
import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { KubeObject } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import { forbiddenError, notFoundError } from '#api/status.ts';
import type { Admission, AdmissionState, Attempt } from '#rest/admission.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { compacted, listText, ruleText, uncovered } from '../auth/rbac/covers.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from '../auth/rbac/resources.ts';
import { objectOf } from './of-kind.ts';

/**
 * Nobody gives away by a role or a binding what they do not hold themselves, unless the verbs `escalate` and `bind` let them (pkg/registry/rbac). Upstream
 * looks before the object's own rules, so after all other plugins that may change it; what it does not look at is a change that only lets an object go.
 */
export function escalation(authorizer: Authorizer): Admission {
  return {
    name: 'Escalation',
    mutate: async (attempt, state) => {
      const object = objectOf(attempt);
      const isRole = [ROLES, CLUSTER_ROLES].includes(attempt.resource.id);
      if (!isRole && ![ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS].includes(attempt.resource.id)) return object;
      if (attempt.old !== undefined && isHousekeeping(object, attempt.old)) return object;
      // Sound: the pipeline decoded it by the kind's own schema.
      if (isRole) checkRole(authorizer, attempt, object as Role | ClusterRole);
      else await checkBinding(authorizer, attempt, object as Binding, state);
      return object;
    },
  };
}

/** All that there is. */
const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

function checkRole(authorizer: Authorizer, attempt: Attempt, role: Role | ClusterRole): void {
  const { user, resource, namespace, verb } = attempt;
  const named = verb === 'create' ? '' : attempt.name;
  const asked = { group: resource.group, resource: resource.plural, subresource: '', namespace, name: named };
  if (authorizer.decide(user, { type: 'asked', verb: 'escalate', ...asked }).allowed) return;
  confirm(authorizer, attempt, role, role.rules ?? []);
  if (!gathers(role) && (attempt.old === undefined || !gathers(attempt.old))) return;
  // It would take up whatever others write under the right label.
  if (uncovered(authorizer.rulesOf(user, namespace).rules, EVERYTHING).length > 0)
    throw refusal(attempt, role, 'must have cluster-admin privileges to use the aggregationRule');
}

function gathers(role: KubeObject): boolean {
  return role['aggregationRule'] !== undefined && role['aggregationRule'] !== null;
}

async function checkBinding(authorizer: Authorizer, attempt: Attempt, binding: Binding, state: AdmissionState): Promise<void> {
  const { kind, name = '', apiGroup = '' } = asGiven({ ...binding.roleRef });
  // What is none of these is refused by the kind's rules.
  if (kind !== 'Role' && kind !== 'ClusterRole') return;
  const { user, namespace } = attempt;
  const resource = kind === 'Role' ? 'roles' : 'clusterroles';
  const asked = { group: apiGroup, resource, subresource: '', namespace, name };
  if (authorizer.decide(user, { type: 'asked', verb: 'bind', ...asked }).allowed) return;
  const key = kind === 'Role' ? { resource: ROLES, namespace, name } : { resource: CLUSTER_ROLES, namespace: '', name };
  // Sound: the store keeps under these resources only roles.
  const role = (await state.get(key)) as Role | ClusterRole | undefined;
  if (role === undefined) throw notFoundError({ group: 'rbac.authorization.k8s.io', name: resource }, name);
  confirm(authorizer, attempt, binding, role.rules ?? []);
}

function confirm(authorizer: Authorizer, attempt: Attempt, object: KubeObject, rules: readonly PolicyRule[]): void {
  const { user, namespace } = attempt;
  const held = authorizer.rulesOf(user, namespace);
  const missing = compacted(uncovered(held.rules, rules)).map(ruleText).toSorted();
  if (missing.length === 0) return;
  const problems = held.missing.length === 0 ? '' : `; resolution errors: [${held.missing.join(', ')}]`;
  throw refusal(
    attempt,
    object,
    `user ${JSON.stringify(user.name)} (groups=${listText(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${missing.join('\n')}${problems}`,
  );
}

function refusal({ resource }: Attempt, { metadata }: KubeObject, why: string): unknown {
  return forbiddenError({ group: resource.group, name: resource.plural }, metadata.name ?? '', why);
}

/** Only finalizers and owners differ, or nothing. */
function isHousekeeping(next: KubeObject, old: KubeObject): boolean {
  const bare = (object: KubeObject) => ({
    ...object,
    metadata: omit(object.metadata, 'finalizers', 'ownerReferences', 'managedFields', 'resourceVersion'),
  });
  return semanticEqual(bare(next), bare(old));
}
