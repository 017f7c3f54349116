import { asGiven } from '#api/kinds/check.ts';
import type { PolicyRule } from '#api/kinds/rbac/rules.ts';

/** Whether rules give what other rules give (component-helpers/auth/rbac/validation), and how what they lack is told. Pure. */

/** Taken apart at most: a few kilobytes of lists would else be thousands of millions. */
const PIECES_MAX = 20_000;

/** What `wanted` gives and `held` does not, in the smallest pieces, or as whole rules where those are too many; [] if nothing. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  let room = PIECES_MAX;
  const isCovered = (rule: PolicyRule) => held.some((each) => covers(each, rule));
  return wanted.flatMap((rule) => {
    if (isCovered(rule)) return [];
    const parts = partsOf(rule);
    const count = parts.verbs.length * (parts.apiGroups.length * parts.resources.length * parts.names.length + parts.urls.length);
    if (count > room) return [rule];
    room -= count;
    return pieces(parts).filter((piece) => !isCovered(piece));
  });
}

type Parts = ReturnType<typeof partsOf>;

/** Each once. A role is looked at before it is known to be valid: its rules may have no verbs. */
function partsOf(rule: PolicyRule) {
  const { apiGroups, resources, resourceNames = [], nonResourceURLs, verbs } = asGiven(rule);
  const once = (list: readonly string[] = []) => [...new Set(list)];
  const names = once(resourceNames).map((name) => ({ resourceNames: [name] }));
  return {
    apiGroups: once(apiGroups),
    resources: once(resources),
    names: names.length === 0 ? [{}] : names,
    urls: once(nonResourceURLs),
    verbs: once(verbs),
  };
}

/** One verb of one resource (or of one name of it) of one group, or of one URL. */
function pieces({ apiGroups, resources, names, urls, verbs }: Parts): readonly PolicyRule[] {
  return [
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => names.map((named) => ({ apiGroups: [group], resources: [resource], ...named, verbs: [verb] }))),
      ),
    ),
    ...urls.flatMap((url) => verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] }))),
  ];
}

/** A piece is covered by one rule or by none; a whole rule by one, or perhaps by several together. */
function covers(rule: PolicyRule, piece: PolicyRule): boolean {
  const { resourceNames = [] } = rule;
  return (
    holds(rule.verbs, piece.verbs) &&
    holds(rule.apiGroups, piece.apiGroups) &&
    (piece.resources ?? []).every((resource) => holdsResource(rule.resources, resource)) &&
    (piece.nonResourceURLs ?? []).every((url) => holdsUrl(rule.nonResourceURLs, url)) &&
    (resourceNames.length === 0 ||
      (piece.resourceNames !== undefined && piece.resourceNames.every((name) => resourceNames.includes(name))))
  );
}

const ALL = '*';

function holds(list: readonly string[] = [], words: readonly string[] = []): boolean {
  return list.includes(ALL) || words.every((word) => list.includes(word));
}

function holdsResource(list: readonly string[] = [], resource: string): boolean {
  if (holds(list, [resource])) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && list.includes(`*${resource.slice(slash)}`);
}

function holdsUrl(list: readonly string[] = [], url: string): boolean {
  return list.some((own) => own === ALL || own === url || (own.endsWith(ALL) && url.startsWith(own.slice(0, -1))));
}

/** Pieces that differ by their verb alone as one rule. */
export function compacted(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byPlace = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...place } = rule;
    const key = JSON.stringify([place.apiGroups, place.resources, place.resourceNames, place.nonResourceURLs]);
    const before = byPlace.get(key);
    byPlace.set(key, before === undefined ? rule : { ...place, verbs: [...new Set([...before.verbs, ...verbs])] });
  }
  return [...byPlace.values()];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}` */
export function ruleText({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ];
  const told = parts.filter(([, list]) => list !== undefined && list.length > 0);
  return `{${told.map(([name, list]) => `${name}:${listText(list ?? [])}`).join(', ')}}`;
}

/** As Go prints a list of quoted texts. */
export function listText(list: readonly string[]): string {
  return `[${list.map((each) => JSON.stringify(each)).join(' ')}]`;
}
