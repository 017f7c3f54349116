import type { Item } from '#api/link/items.ts';
import { RECORD_BYTES_MAX } from '#api/link/messages.ts';
import type { Report } from '#api/link/reports.ts';
import { SkerryError } from '#lib/error.ts';
import type { Json } from '#api/object.ts';
import type { DesiredItem, Documents, Ledger, MemoryChange } from '#agent/ledger/ledger.ts';
import { createHash } from 'node:crypto';

/**
 * The ledger's face towards the agent's loops, in memory: for tests of those loops, which can lose, delay or fail a commit here. What the disk does is
 * tested with the real ledger (src/agent/ledger).
 */
export type MemoryLedger = Ledger & {
  readonly reports: Report[];
  readonly set: (items: readonly Item[], removalsAllowed?: boolean) => void;
  /** Called before each commit; what it throws is how the commit fails. */
  beforeCommit: (changes: readonly MemoryChange[], reports: readonly Report[]) => void | Promise<void>;
};

export function createMemoryLedger(): MemoryLedger {
  let documents: Documents = { items: new Map(), removalsAllowed: false };
  const rows = new Map<string, Map<string, Json>>();
  const listeners = new Set<() => void>();
  const ledger: MemoryLedger = {
    reports: [],
    beforeCommit: () => undefined,
    documents: () => documents,
    memory: () => ({ rows: (kind) => rows.get(kind) ?? new Map() }),
    commit: async (changes, reports) => {
      await ledger.beforeCommit(changes, reports);
      // As the outbox does.
      const tooLarge = reports.find((report) => Buffer.byteLength(JSON.stringify(report)) > RECORD_BYTES_MAX);
      if (tooLarge !== undefined) throw new SkerryError('RecordTooLarge', `put a ${tooLarge.class} into the outbox`);
      for (const { kind, key, value } of changes) {
        // Through JSON, as the disk does it: what does not survive that must not be relied on.
        const next = new Map(rows.get(kind));
        if (value === undefined) next.delete(key);
        else next.set(key, JSON.parse(JSON.stringify(value)) as Json);
        rows.set(kind, next);
      }
      ledger.reports.push(...reports);
    },
    onDocuments: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    set: (items, removalsAllowed = true) => {
      documents = documentsOf(items, removalsAllowed);
      for (const changed of listeners) changed();
    },
  };
  return ledger;
}

export function documentsOf(items: readonly Item[], removalsAllowed = true): Documents {
  const desired = items.map((item): DesiredItem => {
    const hash = createHash('sha256').update(JSON.stringify(item)).digest('hex');
    return { key: keyOf(item), source: 'server', hash, item };
  });
  return { items: new Map(desired.map((entry) => [entry.key, entry])), removalsAllowed };
}

function keyOf(item: Item): string {
  switch (item.kind) {
    case 'Node':
      return 'node';
    case 'Pod':
      return `pods/${item.metadata.uid}`;
    case 'ConfigMap':
      return `configmaps/${item.metadata.namespace}/${item.metadata.name}`;
    case 'Secret':
      return `secrets/${item.metadata.namespace}/${item.metadata.name}`;
    case 'Network':
      return 'network';
    case 'Service':
      return `services/${item.metadata.namespace}/${item.metadata.name}`;
    case 'Endpoints':
      return `endpoints/${item.metadata.namespace}/${item.metadata.name}/${item.node ?? '~'}`;
    case 'Peer':
      return `peers/${item.metadata.name}`;
    case 'Token':
      return `tokens/${item.metadata.podUid}/${item.metadata.volume}/${item.metadata.path}`;
  }
}
