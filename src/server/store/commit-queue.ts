import type { Committer } from './committer.ts';
import type { Group, Meta, RowChange } from './database.ts';

/**
 * Group commit: everything that is queued while one commit is on its way to the disk goes with the next. Order is kept: what is applied
 * is always a prefix of what was pushed. A failure fails its group and everything behind it; the queue then goes on with what comes.
 */
export type Item = {
  /** What the disk has to know; empty for writes that live in memory only. */
  readonly rows: readonly RowChange[];
  readonly meta: Meta;
  readonly bytes: number;
  /** It is durable now. */
  readonly applied: () => void;
  readonly failed: (error: unknown) => void;
};

export const GROUP_ITEMS_MAX = 1_024;
export const GROUP_BYTES_MAX = 8 * 1024 ** 2;

export class CommitQueue {
  readonly #committer: Committer;
  readonly #settled: (failure: unknown) => unknown;
  #items: Item[] = [];
  #bytes = 0;
  #inFlight: readonly Item[] = [];
  #due = false;
  #idle: (() => void)[] = [];

  /** `settled` is told how each group that went to the disk ended, and gives the error that its items then get. */
  constructor(committer: Committer, settled: (failure: unknown) => unknown) {
    this.#committer = committer;
    this.#settled = settled;
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
    this.#flushSoon();
  }

  /** Commits and bytes that wait, with those on their way. */
  get waiting(): { readonly items: number; readonly bytes: number } {
    return { items: this.#items.length + this.#inFlight.length, bytes: this.#bytes };
  }

  /** Resolves when nothing waits any more. */
  drained(): Promise<void> {
    if (this.#items.length === 0 && this.#inFlight.length === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  #flushSoon(): void {
    if (this.#due || this.#inFlight.length > 0) return;
    this.#due = true;
    // All that is pushed in this turn goes together.
    queueMicrotask(() => {
      this.#due = false;
      void this.#flush();
    });
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    const items = this.#take();
    this.#inFlight = items;
    let failure: { readonly error: unknown } | undefined;
    try {
      const group = groupOf(items);
      if (group.rows.length > 0 || Object.keys(group.meta).length > 0) {
        await this.#committer.commit(group);
        this.#settled(undefined);
      }
    } catch (error) {
      failure = { error: this.#settled(error) };
    }
    const behind = failure === undefined ? [] : this.#items.splice(0);
    this.#inFlight = [];
    for (const item of [...items, ...behind]) {
      this.#bytes -= item.bytes;
      if (failure === undefined) item.applied();
      else item.failed(failure.error);
    }
    if (this.#items.length > 0) this.#flushSoon();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }

  #take(): readonly Item[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#items) {
      bytes += item.bytes;
      if (count > 0 && (count >= GROUP_ITEMS_MAX || bytes > GROUP_BYTES_MAX)) break;
      count += 1;
    }
    return this.#items.splice(0, count);
  }
}

function groupOf(items: readonly Item[]): Group {
  if (items.length === 1 && items[0] !== undefined) return { rows: items[0].rows, meta: items[0].meta };
  return {
    rows: items.flatMap((item) => item.rows),
    meta: Object.assign({}, ...items.map((item) => item.meta)) as Meta, // Each is a Meta, and later ones win.
  };
}
