import { SkerryError } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { Item } from '#api/link/items.ts';
import type { Index, SignedStatement } from '#api/link/statement.ts';
import { checkComplete, effectiveIndex, nextHeld, removalsAllowed, type DocumentUpdate, type Held } from './document-rules.ts';
import { changedKeys } from '../document-changes.ts';
import type { DesiredItem, Documents } from './ledger.ts';
import type { LedgerRows, RowOp } from './rows.ts';

/** The documents as committed, and drafts of the next ones. The rules are document-rules.ts; here they become rows and parsed items. */
const SERVER = 'server';
const NODE_KEY = 'node';

export type DocumentDraft = {
  readonly ops: readonly RowOp[];
  /**
   * Keys of whose state the server may know nothing though it was told: what the document names anew, a new Node, and all of it once a database has been
   * confirmed, for before that it may not have had the pods where they were.
   */
  readonly untold: readonly string[];
  /** Makes it the committed state; true if what the agent sees has changed. */
  readonly done: () => boolean;
};

export class DocumentShelf {
  private readonly log: Log;
  private readonly joined: { readonly cluster: string; readonly node: string; readonly incarnation: string };
  private readonly joinedAnew: boolean;
  private state: Held;
  /** By hash; undefined: bytes that are no item this release can read, kept all the same. */
  private items: ReadonlyMap<string, Item | undefined>;
  private shown: Documents;

  constructor(rows: LedgerRows, joined: DocumentShelf['joined'], log: Log) {
    this.log = log;
    this.joined = joined;
    const incarnations = new Map(rows.incarnations.map(([id, ordinal, trusted]) => [id, { ordinal, trusted: trusted !== 0 }]));
    this.joinedAnew = !incarnations.has(joined.incarnation);
    if (this.joinedAnew) incarnations.set(joined.incarnation, { ordinal: nextOrdinal(incarnations), trusted: true });
    const signed = signedOf(rows);
    this.items = new Map(rows.items.map(([hash, bytes]) => [hash, this.parse(hash, bytes)]));
    this.state = {
      ...(signed === undefined ? {} : { signed }),
      index: new Map(rows.entries.flatMap(([source, key, hash]) => (source === SERVER ? [[key, hash] as const] : []))),
      retained: new Map(rows.retained),
      incarnations,
    };
    this.shown = show(this.state, this.items);
  }

  /** What a ledger that has not seen this join yet must write before anything else. */
  openingOps(): readonly RowOp[] {
    const { incarnation } = this.joined;
    const ordinal = this.state.incarnations.get(incarnation)?.ordinal ?? 1;
    return this.joinedAnew ? [['putIncarnation', incarnation, ordinal, 1]] : [];
  }

  documents(): Documents {
    return this.shown;
  }

  held(): { readonly signed: SignedStatement; readonly index: Index } | undefined {
    const { signed, index } = this.state;
    return signed === undefined ? undefined : { signed, index };
  }

  /** The document has an entry under this key. */
  names(key: string): boolean {
    return this.state.index.has(key);
  }

  hasItem(hash: string): boolean {
    return this.items.has(hash);
  }

  /** Throws as NodeLedger.accept rejects. */
  draft(update: DocumentUpdate): DocumentDraft {
    const { cluster, node } = update.signed.statement;
    if (cluster !== this.joined.cluster || node !== this.joined.node)
      throw new SkerryError(
        'BadDocument',
        `accept a document: it is for node ${node} of cluster ${cluster}, this is ${this.joined.node} of ${this.joined.cluster}`,
      );
    checkComplete(update, (hash) => this.items.has(hash));
    const arrived = new Map([...update.items].map(([hash, bytes]) => [hash, this.parse(hash, bytes)]));
    const find = (hash: string) => arrived.get(hash) ?? this.items.get(hash);
    const before = this.state;
    const next = nextHeld(before, update, (hash) => isDeleting(find(hash)));
    const used = new Set([...next.index.values(), ...next.retained.values()]);
    const items = new Map([...this.items, ...arrived].filter(([hash]) => used.has(hash)));
    const shown = show(next, items);
    const done = () => {
      this.state = next;
      this.items = items;
      const changed = !isSame(this.shown, shown);
      if (changed) this.shown = shown;
      return changed;
    };
    const isSettled =
      update.signed.statement.confirmed && before.signed !== undefined && !isSameLife(before.signed, update.signed);
    // Another object under an old key: the Node of a machine that was removed and has joined anew.
    const isAnother = (key: string, hash: string, was: string) => key === NODE_KEY && uidOf(find(hash)) !== uidOf(find(was));
    const untold = [...next.index].flatMap(([key, hash]) => {
      const was = before.index.get(key);
      return isSettled || was === undefined || isAnother(key, hash, was) ? [key] : [];
    });
    return { ops: rowsOf(before, next, this.items, update, used), untold, done };
  }

  private parse(hash: string, bytes: Uint8Array): Item | undefined {
    try {
      const item: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
      // Unknown kinds are kept as they are; who acts on items looks at `kind` first.
      if (typeof item === 'object' && item !== null && 'kind' in item) return item as Item;
    } catch (error) {
      this.log.warn({ err: error, hash }, 'an item of the document is not JSON and is kept unread');
      return undefined;
    }
    this.log.warn({ hash }, 'an item of the document has no kind and is kept unread');
    return undefined;
  }
}

/** Only what differs is written. */
function rowsOf(
  before: Held,
  next: Held,
  items: ReadonlyMap<string, unknown>,
  update: DocumentUpdate,
  used: ReadonlySet<string>,
): readonly RowOp[] {
  const ops: RowOp[] = [];
  const { statement, signature } = update.signed;
  for (const [hash, bytes] of update.items) if (used.has(hash) && !items.has(hash)) ops.push(['putItem', hash, bytes]);
  for (const [key, hash] of next.index) if (before.index.get(key) !== hash) ops.push(['putEntry', SERVER, key, hash]);
  for (const key of before.index.keys()) if (!next.index.has(key)) ops.push(['deleteEntry', SERVER, key]);
  for (const [key, hash] of next.retained) if (before.retained.get(key) !== hash) ops.push(['putRetained', key, hash]);
  for (const key of before.retained.keys()) if (!next.retained.has(key)) ops.push(['deleteRetained', key]);
  for (const hash of items.keys()) if (!used.has(hash)) ops.push(['deleteItem', hash]);
  const was = before.incarnations.get(statement.incarnation);
  const is = next.incarnations.get(statement.incarnation);
  if (is !== undefined && (was?.trusted !== is.trusted || was.ordinal !== is.ordinal))
    ops.push(['putIncarnation', statement.incarnation, is.ordinal, is.trusted ? 1 : 0]);
  // The same content at a later revision is no reason to wear the disk: the older statement is as true, and asks for nothing else.
  if (ops.length > 0 || !isSameSaying(before.signed, update.signed))
    ops.push(['putSource', SERVER, JSON.stringify(statement), signature]);
  return ops;
}

function isSameLife({ statement: before }: SignedStatement, { statement: next }: SignedStatement): boolean {
  return before.incarnation === next.incarnation && before.confirmed === next.confirmed;
}

function isSameSaying(before: SignedStatement | undefined, next: SignedStatement): boolean {
  return (
    before !== undefined &&
    before.statement.incarnation === next.statement.incarnation &&
    before.statement.confirmed === next.statement.confirmed &&
    before.statement.digest === next.statement.digest
  );
}

function show(state: Held, items: ReadonlyMap<string, Item | undefined>): Documents {
  const shown = [...effectiveIndex(state)].flatMap(([key, hash]): readonly DesiredItem[] => {
    const item = items.get(hash);
    const retained = state.retained.has(key) ? ({ retained: true } as const) : {};
    return item === undefined ? [] : [{ key, source: SERVER, hash, item, ...retained }];
  });
  return { items: new Map(shown.map((desired) => [desired.key, desired])), removalsAllowed: removalsAllowed(state) };
}

const isSame = (a: Documents, b: Documents): boolean => changedKeys(a, b).size === 0;

/** Careful with an item's inside: it is signed, but of whatever release. */
function isDeleting(item: Item | undefined): boolean {
  const metadata: Partial<Record<string, unknown>> | undefined = item?.kind === 'Pod' ? item.metadata : undefined;
  return metadata?.['deletionTimestamp'] !== undefined;
}

function uidOf(item: Item | undefined): unknown {
  const metadata: Partial<Record<string, unknown>> | undefined = item?.kind === 'Node' ? item.metadata : undefined;
  return metadata?.['uid'];
}

function signedOf({ sources }: LedgerRows): SignedStatement | undefined {
  const row = sources.find(([source]) => source === SERVER);
  // Only this folder writes these rows, from the same type, and the file has passed its check.
  return row === undefined ? undefined : { statement: JSON.parse(row[1]) as SignedStatement['statement'], signature: row[2] };
}

function nextOrdinal(incarnations: ReadonlyMap<string, { readonly ordinal: number }>): number {
  return 1 + Math.max(0, ...[...incarnations.values()].map(({ ordinal }) => ordinal));
}
