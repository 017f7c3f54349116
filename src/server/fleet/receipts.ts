import type { KubeObject } from '#api/object.ts';
import type { Storage } from '#rest/storage.ts';

/**
 * What the server must remember of each node through a restart, one internal row per node:
 *  - outbox: the last record that is committed, so that nothing is applied twice and nothing is acknowledged that is not;
 *  - mark: the newest document that was ever sent to it, written before it is sent. A node that proves to hold a newer one shows that
 *    this database was rolled back. A revision alone would not tell: a restored copy soon gives out higher ones.
 * Beside them one row with the incarnations this database knows of: its own, and those that nodes came with.
 */
export type Receipt = { readonly outbox?: OutboxReceipt; readonly mark?: Mark };
export type OutboxReceipt = { readonly epoch: string; readonly seq: number };
export type Mark = { readonly incarnation: string; readonly rev: number; readonly digest: string };

export const RECEIPTS = 'outboxes';
export const KNOWN = 'incarnations';
const KNOWN_NAME = 'known';
const API_VERSION = 'internal.skerry.dev/v1';
/** Incarnations remembered, the oldest forgotten first. */
const KNOWN_MAX = 256;

export class Receipts {
  private readonly storage: Pick<Storage, 'get' | 'commit'>;
  /** As on the disk. What is not there yet must not count: it would be acknowledged, or sent, and then forgotten by a crash. */
  private readonly rows = new Map<string, Receipt>();
  /** On its way to the disk. */
  private readonly pending = new Map<string, Receipt>();
  private known: readonly string[] | undefined;

  constructor(storage: Pick<Storage, 'get' | 'commit'>) {
    this.storage = storage;
  }

  async of(node: string): Promise<Receipt> {
    const kept = this.rows.get(node);
    if (kept !== undefined) return kept;
    const row = await this.storage.get({ resource: RECEIPTS, namespace: '', name: node });
    // Another call may have been quicker.
    const receipt = this.rows.get(node) ?? receiptOf(row);
    this.rows.set(node, receipt);
    return receipt;
  }

  /** Lets go of what is in memory; the row stays, for the machine may join again with what it holds. */
  forget(node: string): void {
    this.rows.delete(node);
  }

  /** Durable when it resolves. */
  async write(node: string, change: Receipt): Promise<void> {
    const committed = await this.of(node);
    const receipt = { ...(this.pending.get(node) ?? this.rows.get(node) ?? committed), ...change };
    this.pending.set(node, receipt);
    try {
      await this.put(RECEIPTS, node, 'Outbox', { ...receipt });
      this.rows.set(node, receipt);
    } finally {
      if (this.pending.get(node) === receipt) this.pending.delete(node);
    }
  }

  async knows(incarnation: string): Promise<boolean> {
    return (await this.knownIds()).includes(incarnation);
  }

  async learn(incarnation: string): Promise<void> {
    const known = await this.knownIds();
    if (known.includes(incarnation)) return;
    const ids = [...known, incarnation].slice(-KNOWN_MAX);
    await this.put(KNOWN, KNOWN_NAME, 'Incarnations', { ids });
    this.known = ids;
  }

  private async knownIds(): Promise<readonly string[]> {
    if (this.known !== undefined) return this.known;
    const row = await this.storage.get({ resource: KNOWN, namespace: '', name: KNOWN_NAME });
    // Only this file writes the row.
    this.known ??= (row?.['ids'] as readonly string[] | undefined) ?? [];
    return this.known;
  }

  private async put(resource: string, name: string, kind: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const object: KubeObject = { apiVersion: API_VERSION, kind, metadata: { name }, ...fields };
    await this.storage.commit([{ key: { resource, namespace: '', name }, object }]);
  }
}

function receiptOf(row: KubeObject | undefined): Receipt {
  // Only this file writes these rows, from the same type.
  const { outbox, mark } = (row ?? {}) as Receipt;
  return { ...(outbox === undefined ? {} : { outbox }), ...(mark === undefined ? {} : { mark }) };
}
