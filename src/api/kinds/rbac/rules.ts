/** What the rules of a role must be (pkg/apis/rbac/validation). What they allow is src/server/auth/rbac. */
import { invalid, required, type FieldError } from '../../field-error.ts';
import type { PolicyRule } from '../../generated/types.ts';
import { at } from '../blank.ts';
import { asGiven, needed } from '../check.ts';

export type { PolicyRule } from '../../generated/types.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

export function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): readonly FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, at('rules', index), namespaced));
}

function validateRule(rule: PolicyRule, path: string, namespaced: boolean): readonly FieldError[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const verbs = needed(`${path}.verbs`, asGiven(rule).verbs, 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    const urls = `${path}.nonResourceURLs`;
    const isMixed = apiGroups.length + resources.length + resourceNames.length > 0;
    return [
      ...verbs,
      ...(namespaced ? [invalid(urls, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')] : []),
      ...(isMixed ? [invalid(urls, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')] : []),
    ];
  }
  return [
    ...verbs,
    ...(apiGroups.length === 0 ? [required(`${path}.apiGroups`, 'resource rules must supply at least one api group')] : []),
    ...(resources.length === 0 ? [required(`${path}.resources`, 'resource rules must supply at least one resource')] : []),
  ];
}
