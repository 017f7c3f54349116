/**
 * Rules as values: what is to stand in the kernel, and what has to change for it. Both backends write their rules so; a change of one service touches
 * nothing of the others. Knows neither nft nor iptables.
 */
export type Ruleset = {
  /** Name → declaration. */
  readonly sets: ReadonlyMap<string, string>;
  /** Name → its rules, in order. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Name of what holds them → key → value: their order means nothing. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
};

export type RulesetChange = {
  readonly sets: { readonly added: readonly string[]; readonly removed: readonly string[] };
  readonly chains: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
  };
  readonly elements: { readonly added: readonly Element[]; readonly removed: readonly Element[] };
};

export type Element = { readonly set: string; readonly key: string; readonly value: string };

export const NO_RULES: Ruleset = { sets: new Map(), chains: new Map(), elements: new Map() };

/** Undefined: nothing. An element whose value changes is removed and added; a set never changes, as its name says what it is. */
export function difference(from: Ruleset, to: Ruleset): RulesetChange | undefined {
  const sets = { added: missing(to.sets, from.sets), removed: missing(from.sets, to.sets) };
  const changed = [...to.chains.keys()].filter((name) => isOther(from.chains.get(name), to.chains.get(name)));
  const chains = { added: missing(to.chains, from.chains), changed, removed: missing(from.chains, to.chains) };
  const elements = { added: elementsMissing(to, from), removed: elementsMissing(from, to) };
  const parts = [...Object.values(sets), ...Object.values(chains), ...Object.values(elements)];
  return parts.every((part) => part.length === 0) ? undefined : { sets, chains, elements };
}

function missing(all: ReadonlyMap<string, unknown>, among: ReadonlyMap<string, unknown>): readonly string[] {
  return [...all.keys()].filter((name) => !among.has(name));
}

function isOther(before: readonly string[] | undefined, after: readonly string[] | undefined): boolean {
  if (before === undefined || after === undefined || before === after) return false;
  return before.length !== after.length || before.some((rule, at) => rule !== after[at]);
}

function elementsMissing(all: Ruleset, among: Ruleset): readonly Element[] {
  const found: Element[] = [];
  for (const [set, entries] of all.elements) {
    const others = among.elements.get(set);
    for (const [key, value] of entries) if (others?.get(key) !== value) found.push({ set, key, value });
  }
  return found;
}
