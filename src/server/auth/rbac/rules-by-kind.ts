import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { Target } from '#rest/request.ts';
import { concerns } from './allows.ts';
import type { Grant } from './grants.ts';

/** Of the rules held those that speak of what is asked; names and paths, of which there is no end, are for who decides. */
export type RulesByKind = (held: readonly Grant[], target: Target) => readonly HeldRule[];

type HeldRule = { readonly rule: PolicyRule; readonly source: string };

/** Verbs and resources that are remembered of what one user holds in one namespace. */
const KINDS_MAX = 256;
/** Of a verb and a resource with their group: reviews ask after whatever they like, and longer words are not remembered. */
const KIND_CHARACTERS_MAX = 256;

/** Remembers what it found: of dozens of rules one or two speak of a resource. What is held is another value as soon as a role or a binding has changed. */
export function rulesByKind(): RulesByKind {
  const known = new WeakMap<readonly Grant[], Map<string, readonly HeldRule[]>>();
  return (held, target) => {
    if (target.type === 'path') return rulesIn(held);
    // Reviews ask about words of any characters, so no character may part them.
    const key = JSON.stringify([target.verb, target.group, target.resource, target.subresource]);
    if (key.length > KIND_CHARACTERS_MAX) return rulesIn(held);
    let kinds = known.get(held);
    if (kinds === undefined || kinds.size >= KINDS_MAX) known.set(held, (kinds = new Map()));
    let rules = kinds.get(key);
    if (rules === undefined) kinds.set(key, (rules = rulesIn(held).filter(({ rule }) => concerns(rule, target))));
    return rules;
  };
}

function rulesIn(held: readonly Grant[]): readonly HeldRule[] {
  return held.flatMap((grant) => ('rules' in grant ? grant.rules.map((rule) => ({ rule, source: grant.source })) : []));
}
