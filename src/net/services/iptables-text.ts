import type { Ruleset, RulesetChange } from './ruleset.ts';

/** A change as text for `iptables-restore --noflush`, which takes each of the three tables as a whole or not at all. */
export function iptablesChange({ sets, chains, elements }: RulesetChange, to: Ruleset, stale: readonly string[] = []): string {
  const emptied = [...sets.added, ...chains.added, ...chains.changed];
  const removed = [...chains.removed, ...sets.removed, ...stale];
  return TABLES.flatMap((table) => {
    const own = (names: readonly string[]) => names.flatMap((name) => partsOf(name, table));
    const lines = [
      ...own(emptied).map((chain) => `:${chain} - [0:0]`),
      ...elements.removed.flatMap(({ set, key }) => partsOf(set, table).map((chain) => `-D ${chain} ${key}`)),
      ...[...chains.added, ...chains.changed].flatMap((name) =>
        partsOf(name, table).flatMap((chain) => (to.chains.get(name) ?? []).map((rule) => `-A ${chain} ${rule}`)),
      ),
      ...elements.added.flatMap(({ set, key }) => partsOf(set, table).map((chain) => `-A ${chain} ${key}`)),
      ...own(removed).map((chain) => `-F ${chain}`),
      ...own(removed).map((chain) => `-X ${chain}`),
    ];
    return lines.length === 0 ? [] : [`*${table}`, ...lines, 'COMMIT', ''];
  }).join('\n');
}

const TABLES = ['raw', 'nat', 'filter'] as const;

function partsOf(name: string, table: string): readonly string[] {
  const [its, chain] = name.split(' ');
  return its === table && chain !== undefined ? [chain] : [];
}
