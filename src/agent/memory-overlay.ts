import type { Json } from '#api/object.ts';
import type { Memory, MemoryChange } from './ledger/ledger.ts';

/**
 * Memory as it will be once the commits under way are on the disk: two pods planned at the same moment must not be given the same address.
 * A commit that fails takes its changes out again.
 */
export type MemoryOverlay = {
  readonly view: () => Memory;
  readonly during: <T>(changes: readonly MemoryChange[], commit: () => Promise<T>) => Promise<T>;
};

export function overlay(committed: () => Memory): MemoryOverlay {
  const pending = new Set<readonly MemoryChange[]>();
  return {
    view: () => {
      const memory = committed();
      if (pending.size === 0) return memory;
      const changes = [...pending].flat();
      return {
        rows: (kind) => {
          const own = changes.filter((change) => change.kind === kind);
          return own.length === 0 ? memory.rows(kind) : applied(memory.rows(kind), own);
        },
      };
    },
    during: async (changes, commit) => {
      pending.add(changes);
      try {
        return await commit();
      } finally {
        pending.delete(changes);
      }
    },
  };
}

function applied(rows: ReadonlyMap<string, Json>, changes: readonly MemoryChange[]): ReadonlyMap<string, Json> {
  const next = new Map(rows);
  for (const { key, value } of changes) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  return next;
}
