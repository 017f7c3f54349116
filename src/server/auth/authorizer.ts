import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { Decision } from '#rest/options.ts';
import type { Target, User } from '#rest/request.ts';
import type { View } from '../view.ts';
import { isOwnPart, ownPartsMay } from './authorize.ts';
import { allows } from './rbac/allows.ts';
import { Grants, type Grant } from './rbac/grants.ts';
import { rulesByKind, type RulesByKind } from './rbac/rules-by-kind.ts';

/**
 * Who may do what: the cluster's own parts by the tables of authorize.ts, everybody else by roles (pkg/registry/rbac, plugin/pkg/auth/authorizer/rbac). What no
 * rule allows is refused; there are no rules that refuse.
 */
export type Authorizer = {
  readonly decide: (user: User, target: Target) => Decision;
  /** All rules that a user holds in a namespace, or cluster-wide where that is ''. */
  readonly rulesOf: (user: User, namespace: string) => HeldRules;
};

export type HeldRules = {
  readonly rules: readonly PolicyRule[];
  /** Bindings whose roles are not there, in words. */
  readonly missing: readonly string[];
  /** For whom it holds rights that are no rules. */
  readonly incomplete?: string;
};

export function createAuthorizer(view: () => View): Authorizer {
  const grants = new Grants(view);
  const about = rulesByKind();
  return {
    decide: (user, target) => {
      if (ownPartsMay(user, target)) return ALLOWED;
      return byRoles(grants.of(user, target.type === 'path' ? '' : target.namespace), target, about);
    },
    rulesOf: (user, namespace) => {
      const held = grants.of(user, namespace);
      return {
        rules: held.flatMap((grant) => ('rules' in grant ? grant.rules : [])),
        missing: missingOf(held),
        ...(isOwnPart(user) ? { incomplete: 'what a part of the cluster itself may do is not told as rules' } : {}),
      };
    },
  };
}

const ALLOWED: Decision = { allowed: true, reason: '' };
const DENIED: Decision = { allowed: false, reason: '' };

function byRoles(held: readonly Grant[], target: Target, about: RulesByKind): Decision {
  const allowing = about(held, target).find(({ rule }) => allows(rule, target));
  if (allowing !== undefined) return { allowed: true, reason: `RBAC: allowed by ${allowing.source}` };
  const missing = missingOf(held);
  if (missing.length === 0) return DENIED;
  return { allowed: false, reason: `RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`}` };
}

function missingOf(held: readonly Grant[]): readonly string[] {
  return [...new Set(held.flatMap((grant) => ('missing' in grant ? [grant.missing] : [])))];
}
