import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { Decision } from '#rest/options.ts';
import type { Target, User } from '#rest/request.ts';
import type { View } from '../view.ts';
import { isOwnPart, ownPartsMay } from './authorize.ts';
import { allows, concerns } from './rbac/allows.ts';
import { Grants } from './rbac/grants.ts';

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

type Held = ReturnType<Grants['of']>;
type HeldRule = { readonly rule: PolicyRule; readonly source: string };

function byRoles(held: Held, target: Target, about: RulesByKind): Decision {
  const allowing = about(held, target).find(({ rule }) => allows(rule, target));
  if (allowing !== undefined) return { allowed: true, reason: `RBAC: allowed by ${allowing.source}` };
  const missing = missingOf(held);
  if (missing.length === 0) return DENIED;
  return { allowed: false, reason: `RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`}` };
}

/** Of the rules held those that speak of what is asked; names and paths, of which there is no end, are for who decides. */
type RulesByKind = (held: Held, target: Target) => readonly HeldRule[];

/** Verbs and resources that are remembered of what one user holds in one namespace. */
const KINDS_MAX = 256;

/** Remembers what it found: of dozens of rules one or two speak of a resource. What is held is another value as soon as a role or a binding has changed. */
function rulesByKind(): RulesByKind {
  const known = new WeakMap<Held, Map<string, readonly HeldRule[]>>();
  return (held, target) => {
    if (target.type === 'path') return rulesIn(held);
    let kinds = known.get(held);
    if (kinds === undefined || kinds.size >= KINDS_MAX) known.set(held, (kinds = new Map()));
    // Reviews ask about words of any characters, so no character may part them.
    const key = JSON.stringify([target.verb, target.group, target.resource, target.subresource]);
    let rules = kinds.get(key);
    if (rules === undefined) kinds.set(key, (rules = rulesIn(held).filter(({ rule }) => concerns(rule, target))));
    return rules;
  };
}

function rulesIn(held: Held): readonly HeldRule[] {
  return held.flatMap((grant) => ('rules' in grant ? grant.rules.map((rule) => ({ rule, source: grant.source })) : []));
}

function missingOf(held: Held): readonly string[] {
  return [...new Set(held.flatMap((grant) => ('missing' in grant ? [grant.missing] : [])))];
}
