import type { Log } from '#lib/log.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { Json } from '#api/object.ts';
import type { Memory, MemoryChange } from './ledger.ts';
import type { LedgerRows, RowOp } from './rows.ts';

/** The agent's memory as committed, and drafts of its changes. A change that changes nothing makes no row. */
export class MemoryShelf {
  private rows: ReadonlyMap<string, ReadonlyMap<string, Json>>;

  constructor(loaded: Pick<LedgerRows, 'memory'>, log: Log) {
    this.rows = read(loaded, log);
  }

  /** The rows as they are at the time of each call. */
  view(): Memory {
    const { rows } = this;
    return { rows: (kind) => rows.get(kind) ?? NO_ROWS };
  }

  draft(): {
    readonly ops: readonly RowOp[];
    readonly change: (changes: readonly MemoryChange[]) => void;
    readonly done: () => void;
  } {
    const ops: RowOp[] = [];
    const kinds = new Map<string, Map<string, Json>>();
    const kindOf = (kind: string) => {
      const copy = kinds.get(kind) ?? new Map(this.rows.get(kind));
      kinds.set(kind, copy);
      return copy;
    };
    const change = (changes: readonly MemoryChange[]) => {
      for (const { kind, key, value } of changes) {
        const rows = kindOf(kind);
        const before = rows.get(key);
        if (value === undefined) {
          if (!rows.delete(key)) continue;
          ops.push(['deleteMemory', kind, key]);
        } else if (before === undefined || canonicalText(before) !== canonicalText(value)) {
          rows.set(key, value);
          ops.push(['putMemory', kind, key, JSON.stringify(value)]);
        }
      }
    };
    const done = () => {
      if (ops.length > 0) this.rows = new Map([...this.rows, ...kinds]);
    };
    return { ops, change, done };
  }
}

const NO_ROWS: ReadonlyMap<string, Json> = new Map();

function read({ memory }: Pick<LedgerRows, 'memory'>, log: Log): ReadonlyMap<string, ReadonlyMap<string, Json>> {
  const kinds = new Map<string, Map<string, Json>>();
  for (const [kind, key, text] of memory) {
    try {
      // JSON.parse gives JSON.
      const value = JSON.parse(text) as Json;
      kinds.set(kind, (kinds.get(kind) ?? new Map<string, Json>()).set(key, value));
    } catch (error) {
      log.error({ err: error, kind, of: key }, 'a row of the memory can not be read and is left out');
    }
  }
  return kinds;
}
