import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { Target } from '#rest/request.ts';

/** Whether one rule allows what is asked, as pkg/apis/rbac/v1/evaluation_helpers. Pure. */
export function allows(rule: PolicyRule, target: Target): boolean {
  if (target.type === 'path') return hasOrAll(rule.verbs, target.verb) && matchesPath(rule.nonResourceURLs, target.path);
  const { resourceNames = [] } = rule;
  return concerns(rule, target) && (resourceNames.length === 0 || resourceNames.includes(target.name));
}

type ResourceTarget = Exclude<Target, { readonly type: 'path' }>;

/** It speaks of this verb and resource, of whatever name. */
export function concerns(rule: PolicyRule, { verb, group, resource, subresource }: ResourceTarget): boolean {
  return hasOrAll(rule.verbs, verb) && hasOrAll(rule.apiGroups, group) && matchesKind(rule.resources, resource, subresource);
}

const ALL = '*';

/** `pods` says nothing of `pods/log`; `*` is everything; a star before the slash is that subresource of whatever has it. */
function matchesKind(resources: readonly string[] = [], resource: string, subresource: string): boolean {
  if (subresource === '') return hasOrAll(resources, resource);
  return hasOrAll(resources, `${resource}/${subresource}`) || resources.includes(`*/${subresource}`);
}

function matchesPath(urls: readonly string[] = [], path: string): boolean {
  return urls.some((url) => url === path || (url.endsWith(ALL) && path.startsWith(url.replace(/\*+$/, ''))));
}

function hasOrAll(list: readonly string[] | undefined, word: string): boolean {
  return list !== undefined && (list.includes(ALL) || list.includes(word));
}
