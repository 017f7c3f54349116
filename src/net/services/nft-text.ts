import { TABLE } from '../wire/rules.ts';
import type { NftStanding } from './nft-listing.ts';
import type { Element, Ruleset, RulesetChange } from './ruleset.ts';

/** Changes as one text for `nft -f`, which the kernel takes as a whole or not at all. */
export function nftChange({ sets, chains, elements }: RulesetChange, to: Ruleset, table = TABLE): string {
  return [
    ...deletions(elements.removed, table),
    ...[...chains.changed, ...chains.removed].map((name) => `flush chain ip ${table} ${name}`),
    ...chains.removed.map((name) => `delete chain ip ${table} ${name}`),
    ...sets.removed.map((name) => `delete set ip ${table} ${name}`),
    `add table ip ${table}`,
    // Not within the braces: nft 0.9.8 dies of elements that are added to such a set in the same text.
    ...sets.added.map((name) => `add ${setText(name, to.sets.get(name) ?? '', table)}`),
    `table ip ${table} {`,
    ...[...chains.added, ...chains.changed].map((name) => chainText(name, to.chains.get(name) ?? [])),
    '}',
    ...bySet(elements.added, ({ key, value }) => (value === '' ? key : `${key} : ${value}`)).map(
      ([set, list]) => `add element ip ${table} ${set} { ${list} }`,
    ),
    '',
  ].join('\n');
}

/** Takes all of ours away that stands, but what `keep` names. For the beginning of a text that makes it anew. */
export function nftRemoval({ chains, sets }: NftStanding, keep: ReadonlySet<string>): string {
  const maps = sets.filter(({ name }) => !keep.has(name));
  return [
    ...chains.map((name) => `flush chain ip ${TABLE} ${name}`),
    ...maps.map(({ type, name }) => `flush ${type} ip ${TABLE} ${name}`),
    ...chains.map((name) => `delete chain ip ${TABLE} ${name}`),
    ...maps.map(({ type, name }) => `delete ${type} ip ${TABLE} ${name}`),
    '',
  ].join('\n');
}

function setText(name: string, declaration: string, table: string): string {
  return declaration.replace(/^(map|set)/, (type) => `${type} ip ${table} ${name}`);
}

function chainText(name: string, rules: readonly string[]): string {
  return `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`;
}

function deletions(elements: readonly Element[], table: string): readonly string[] {
  return bySet(elements, ({ key }) => key).map(([set, list]) => `delete element ip ${table} ${set} { ${list} }`);
}

function bySet(elements: readonly Element[], write: (element: Element) => string): readonly (readonly [string, string])[] {
  const lists = new Map<string, string[]>();
  for (const element of elements) {
    const list = lists.get(element.set) ?? [];
    list.push(write(element));
    lists.set(element.set, list);
  }
  return [...lists].map(([set, list]) => [set, list.join(', ')]);
}
