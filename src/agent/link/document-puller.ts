import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import { hashOf } from '#api/link/canonical.ts';
import { CHUNK_WINDOW_MAX, type Chunk, type Delta, type Get, type Observed, type Want } from '#api/link/messages.ts';
import { digestOf, type Index, type SignedStatement } from '#api/link/statement.ts';
import type { DocumentUpdate } from '../ledger/document-rules.ts';
import type { LinkLedger } from '../ledger/link-ledger.ts';
import { parseIndex } from './parse-index.ts';
import type { StagedBlobs } from './staged-blobs.ts';

/**
 * Brings the node's document in line with what the server's newest head names: by a delta where it fits on what is held, else by pulling
 * the index and the missing items in chunks. What has arrived outlives the connection, and what is being pulled a newer head, so that a slow line gets
 * there in the end. Only heads signed by the pinned key are listened to; the ledger has the last word.
 */
export type PullerOptions = {
  /** Outlives the connection. */
  readonly blobs: StagedBlobs;
  readonly ledger: LinkLedger;
  readonly clock: Clock;
  readonly log: Log;
  /** Right node, right cluster, right key. */
  readonly isOurs: (head: SignedStatement) => boolean;
  readonly get: (message: Get) => void;
  readonly observed: (observed: Observed) => void;
};

/** Blobs asked for at a time; more than fit into a window of chunks helps nobody. */
const WANTS_MAX = 64;
/** A pull that got nothing for this long asks again, or for a new head if it has asked enough. */
const PULL_WAIT_MS = 6_000;
const ASKS_MAX = 5;

type Next = { readonly head: SignedStatement; readonly delta?: Delta };

const NOTHING: Index = new Map();

export class DocumentPuller {
  private readonly options: PullerOptions;
  private readonly blobs: StagedBlobs;
  private target: SignedStatement | undefined;
  private wanted: ReadonlySet<string> = new Set();
  private chunksLeft = 0;
  private asks = 0;
  private accepting = false;
  private next: Next | undefined;
  private cancelTimer: () => void = () => undefined;

  constructor(options: PullerOptions) {
    this.options = options;
    this.blobs = options.blobs;
  }

  /** The connection is gone, or there is a new one: a pull begins again where it was once a head comes. */
  reset(): void {
    this.cancelTimer();
    this.target = undefined;
    this.next = undefined;
  }

  head(head: SignedStatement): void {
    this.take({ head });
  }

  delta(delta: Delta): void {
    this.take({ head: delta.head, delta });
  }

  chunk({ parts, missing }: Chunk): void {
    if (this.target === undefined || this.accepting) return;
    if (missing.some((hash) => this.wanted.has(hash))) {
      // A head that names what there is now is on its way.
      this.reset();
      return;
    }
    let news = false;
    for (const part of parts) if (this.wanted.has(part.hash)) news = this.blobs.add(part) || news;
    if (news) this.asks = 0;
    this.chunksLeft -= 1;
    if (this.chunksLeft <= 0 || this.blobs.hasAll(this.wanted)) this.proceed();
  }

  private take(next: Next): void {
    if (!this.options.isOurs(next.head)) {
      this.options.log.warn(
        { rev: next.head.statement.rev },
        'a document that the cluster did not sign for this node is ignored',
      );
      return;
    }
    if (this.accepting) {
      this.next = next;
      return;
    }
    const held = this.options.ledger.held();
    const statement = next.head.statement;
    if (held !== undefined && statement.incarnation === held.signed.statement.incarnation) {
      const { rev, digest, confirmed } = held.signed.statement;
      const same = digest === statement.digest && confirmed === statement.confirmed;
      if (statement.rev < rev || (same && statement.rev === rev)) {
        this.tellHeld();
        return;
      }
    }
    if (next.delta !== undefined && this.fits(next.delta, next.head)) return;
    if (this.isBetterFirst(statement)) return;
    if (held !== undefined && held.signed.statement.digest === statement.digest) {
      this.accept({ signed: next.head, index: held.index, items: new Map() });
      return;
    }
    this.target = next.head;
    this.asks = 0;
    this.proceed();
  }

  /** What is being pulled, and comes, is had first: on a slow line something newer would be in its way each time. The server keeps it, and says what is newer after that. */
  private isBetterFirst({ incarnation, digest }: SignedStatement['statement']): boolean {
    const pulled = this.target?.statement;
    return pulled?.incarnation === incarnation && pulled.digest !== digest && this.asks <= 1;
  }

  /** Accepts a delta that leads from what is held to what its head names. */
  private fits(delta: Delta, head: SignedStatement): boolean {
    const held = this.options.ledger.held();
    // What is held was checked against its digest when it was accepted.
    if (delta.base.digest !== (held?.signed.statement.digest ?? digestOf(NOTHING))) return false;
    const index = new Map(held?.index);
    const items = new Map<string, Uint8Array>();
    for (const op of delta.ops) {
      if ('gone' in op) index.delete(op.key);
      else index.set(op.key, op.hash);
      // A copy: the frame's buffer is not ours to keep.
      if ('bytes' in op && op.bytes !== undefined) items.set(op.hash, Uint8Array.from(op.bytes));
    }
    if (digestOf(index) !== head.statement.digest) return false;
    const missing = [...index.values()].some((hash) => !items.has(hash) && !this.options.ledger.hasItem(hash));
    if (missing || [...items].some(([hash, bytes]) => hashOf(bytes) !== hash)) return false;
    this.accept({ signed: head, index, items });
    return true;
  }

  /** The next step towards the target: the index, then the items, then the ledger. */
  private proceed(): void {
    const { target } = this;
    if (target === undefined) return;
    this.cancelTimer();
    const { digest } = target.statement;
    const indexed = this.blobs.whole(digest);
    if (indexed === undefined) {
      this.ask([digest]);
      return;
    }
    const index = this.readIndex(indexed);
    if (index === undefined) return;
    const missing = [...new Set(index.values())].filter(
      (hash) => !this.options.ledger.hasItem(hash) && this.blobs.whole(hash) === undefined,
    );
    if (missing.length > 0) {
      this.ask(missing.slice(0, WANTS_MAX));
      return;
    }
    const items = [...new Set(index.values())].flatMap((hash) => {
      const bytes = this.blobs.whole(hash);
      return bytes === undefined || this.options.ledger.hasItem(hash) ? [] : [[hash, bytes] as const];
    });
    this.accept({ signed: target, index, items: new Map(items) });
  }

  private readIndex(bytes: Uint8Array): Index | undefined {
    try {
      return parseIndex(bytes);
    } catch (error) {
      // Signed by the cluster, and yet no index: nothing that asking again would better.
      this.options.log.error({ err: error }, 'the index of the document can not be read');
      this.reset();
      return undefined;
    }
  }

  private ask(hashes: readonly string[]): void {
    this.asks += 1;
    if (this.asks > ASKS_MAX) {
      // The server sends a head to whoever is behind; that starts the pull again.
      this.reset();
      return;
    }
    const wants = hashes.map((hash): Want => ({ hash, from: this.blobs.have(hash) }));
    this.wanted = new Set(hashes);
    this.chunksLeft = CHUNK_WINDOW_MAX;
    this.options.get({ type: 'get', wants, chunks: CHUNK_WINDOW_MAX });
    this.cancelTimer = this.options.clock.timer(PULL_WAIT_MS, () => this.proceed());
  }

  private accept(update: DocumentUpdate): void {
    this.cancelTimer();
    this.accepting = true;
    this.target = undefined;
    const done = () => {
      this.accepting = false;
      const { next } = this;
      this.next = undefined;
      if (next === undefined) this.tellHeld();
      else this.take(next);
    };
    this.options.ledger
      .accept(update)
      .then(() => this.blobs.clear())
      .catch((error: unknown) => this.refused(update, error))
      .finally(done);
  }

  private refused(update: DocumentUpdate, error: unknown): void {
    const { rev, incarnation, digest } = update.signed.statement;
    if (hasCode(error, 'BadDocument')) this.blobs.clear();
    const known = error instanceof SkerryError;
    if (known) this.options.log.warn({ err: error, rev, incarnation, digest }, 'a document was not accepted');
    else this.options.log.error({ err: error, rev, incarnation, digest }, 'accepting a document failed');
  }

  private tellHeld(): void {
    const held = this.options.ledger.held();
    if (held === undefined) return;
    const { incarnation, confirmed, rev, digest } = held.signed.statement;
    this.options.observed({ incarnation, confirmed, rev, digest });
  }
}
