import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { Observed, OutboxRecord } from '#api/link/messages.ts';
import type { Report } from '#api/link/reports.ts';
import { DocumentShelf } from './document-shelf.ts';
import type { DocumentUpdate } from './document-rules.ts';
import type { MemoryChange } from './ledger.ts';
import type { NodeLedger } from './link-ledger.ts';
import { MemoryShelf } from './memory-shelf.ts';
import {
  ACKED_SEQ,
  EPOCH,
  LAST_SEQ,
  OUTBOX_LIMITS,
  OutboxDraft,
  ackOps,
  loadOutbox,
  withoutAcked,
  type Outbox,
  type OutboxLimits,
} from './outbox.ts';
import type { LedgerRows, RowOp } from './rows.ts';
import type { LedgerWriter, OpenLedgerWriter } from './writer.ts';

/**
 * The ledger: what is on the disk, mirrored in memory, and one writer. What waits is written in one transaction at a time (group
 * commit); readers see only what is committed. Reports alone may wait REPORT_WAIT_MS for company, anything else goes at once.
 */
export type LedgerOptions = {
  readonly path: string;
  /** See LedgerFile. */
  readonly onTrial?: boolean;
  readonly openWriter: OpenLedgerWriter;
  /** As pinned at the join; its incarnation is trusted. */
  readonly joined: { readonly cluster: string; readonly node: string; readonly incarnation: string };
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'uuid'>;
  readonly log: Log;
  readonly outboxLimits?: OutboxLimits;
};

export const REPORT_WAIT_MS = 100;
/** An acknowledgement alone is no reason to write: records stay on the disk this long unless something else is written. */
const ACK_WAIT_MS = 30_000;
/** Commits that may wait for the disk; a caller beyond is refused. */
const WAITING_MAX = 10_000;

type Request = {
  readonly memory: readonly MemoryChange[];
  readonly reports: readonly Report[];
  readonly document?: DocumentUpdate;
  readonly repeatStates?: boolean;
  readonly renewEpoch?: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Throws `LedgerTooNew` or `LedgerFailed`. A damaged file is set aside and a new one begun; see NodeLedger.setAside. */
export async function openLedger(options: LedgerOptions): Promise<NodeLedger> {
  const { clock, ids, joined, onTrial = false } = options;
  const log = options.log.child({ ledger: options.path });
  const { writer, rows, setAside } = await options.openWriter({ path: options.path, stamp: stampOf(clock.now()), onTrial });
  if (setAside !== undefined)
    log.error(
      { setAside: setAside.path, why: setAside.why },
      'the ledger was damaged and is set aside; the server will fill a new one',
    );
  const meta = new Map(rows.meta);
  const epoch = meta.get(EPOCH) ?? ids.uuid();
  const documents = new DocumentShelf(rows, joined, log);
  const first: RowOp[] = [...(meta.has(EPOCH) ? [] : [['putMeta', EPOCH, epoch] as const]), ...documents.openingOps()];
  if (first.length > 0) await writer.write(first);
  const open = new OpenLedger(
    options,
    log,
    writer,
    documents,
    new MemoryShelf(rows, log),
    outboxOf(rows, meta, epoch, log),
    Number(meta.get(ACKED_SEQ) ?? 0),
  );
  return open.face(setAside);
}

class OpenLedger {
  private readonly options: LedgerOptions;
  private readonly log: Log;
  private readonly writer: LedgerWriter;
  private readonly documents: DocumentShelf;
  private readonly memory: MemoryShelf;
  private readonly limits: OutboxLimits;
  private outbox: Outbox;
  private ackedSeq: number;
  /** What the disk knows of ackedSeq. */
  private ackedOnDisk: number;
  private waiting: Request[] = [];
  private busy = false;
  private flushing: Promise<void> = Promise.resolve();
  private cancelTimer: (() => void) | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  private closed = false;
  private readonly documentListeners = new Set<() => void>();
  private readonly recordListeners = new Set<() => void>();

  constructor(
    options: LedgerOptions,
    log: Log,
    writer: LedgerWriter,
    documents: DocumentShelf,
    memory: MemoryShelf,
    outbox: Outbox,
    ackedSeq: number,
  ) {
    this.options = options;
    this.log = log;
    this.writer = writer;
    this.documents = documents;
    this.memory = memory;
    this.limits = options.outboxLimits ?? OUTBOX_LIMITS;
    this.outbox = outbox;
    this.ackedSeq = ackedSeq;
    this.ackedOnDisk = ackedSeq;
  }

  face(setAside: NodeLedger['setAside']): NodeLedger {
    return {
      documents: () => this.documents.documents(),
      memory: () => this.memory.view(),
      commit: (memory, reports) => this.enqueue({ memory, reports }),
      onDocuments: (changed) => listen(this.documentListeners, changed),
      held: () => this.documents.held(),
      hasItem: (hash) => this.documents.hasItem(hash),
      accept: (document) => this.accept(document),
      outbox: () => ({ epoch: this.outbox.epoch, ackedSeq: this.ackedSeq, lastSeq: this.outbox.lastSeq }),
      records: (afterSeq, recordsMax, bytesMax) => this.records(afterSeq, recordsMax, bytesMax),
      onRecords: (added) => listen(this.recordListeners, added),
      acknowledged: (epoch, seq) => this.acknowledged(epoch, seq),
      repeatStates: () => this.enqueue({ memory: [], reports: [], repeatStates: true }),
      renewEpoch: () => this.enqueue({ memory: [], reports: [], renewEpoch: true }),
      close: () => this.close(),
      alive: () => this.writer.write([]).catch(rethrowDeath),
      ...(setAside === undefined ? {} : { setAside }),
    };
  }

  private async accept(document: DocumentUpdate): Promise<Observed> {
    await this.enqueue({ memory: [], reports: [], document });
    const { incarnation, confirmed, rev, digest } = document.signed.statement;
    return { incarnation, confirmed, rev, digest };
  }

  private records(afterSeq: number, recordsMax: number, bytesMax: number) {
    const found = [];
    let bytes = 0;
    for (const [seq, stored] of this.outbox.records) {
      if (seq <= afterSeq) continue;
      if (found.length >= recordsMax || (found.length > 0 && bytes + stored.bytes > bytesMax)) break;
      found.push(stored.record);
      bytes += stored.bytes;
    }
    return found;
  }

  private acknowledged(epoch: string, seq: number): void {
    if (epoch !== this.outbox.epoch || seq <= this.ackedSeq || seq > this.outbox.lastSeq) return;
    this.ackedSeq = seq;
    this.outbox = withoutAcked(this.outbox, seq);
    this.wake(ACK_WAIT_MS);
  }

  private enqueue(work: Omit<Request, 'resolve' | 'reject'>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed || this.waiting.length >= WAITING_MAX) {
        const why = this.closed ? 'it is closed' : `${WAITING_MAX} writes wait for the disk already`;
        reject(new SkerryError('LedgerFailed', `write to the ledger ${this.options.path}: ${why}`));
        return;
      }
      this.waiting.push({ ...work, resolve, reject });
      const patient =
        work.memory.length === 0 &&
        work.document === undefined &&
        work.repeatStates === undefined &&
        work.renewEpoch === undefined;
      this.wake(patient ? REPORT_WAIT_MS : 0);
    });
  }

  /** Flushes within `delayMs`. A flush that is under way looks for more when it ends. */
  private wake(delayMs: number): void {
    const dueMs = this.options.clock.monotonic() + delayMs;
    if (this.busy || dueMs >= this.timerDueMs) return;
    this.cancelTimer?.();
    if (delayMs === 0) {
      this.startFlush();
      return;
    }
    this.timerDueMs = dueMs;
    this.cancelTimer = this.options.clock.timer(delayMs, () => this.startFlush());
  }

  private startFlush(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.timerDueMs = Number.POSITIVE_INFINITY;
    if (!this.busy) this.flushing = this.flush();
  }

  /** `busy` ends in the same step that finds nothing waiting, so that nobody is left waiting for a flush that is over. */
  private async flush(): Promise<void> {
    this.busy = true;
    // A turn of the microtask queue gathers what this turn of the loop still has to say.
    await Promise.resolve();
    do await this.flushOnce();
    while (this.waiting.length > 0);
    this.busy = false;
    if (this.ackedSeq > this.ackedOnDisk && !this.closed) this.wake(ACK_WAIT_MS);
  }

  private async flushOnce(): Promise<void> {
    const { ackedSeq } = this;
    const draft = new OutboxDraft(this.outbox, this.limits);
    draft.forget(ackedSeq, (key) => this.documents.names(key));
    const memory = this.memory.draft();
    const taken: Request[] = [];
    let document: ReturnType<DocumentShelf['draft']> | undefined;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (next.document !== undefined && document !== undefined) break;
      this.waiting.shift();
      try {
        if (next.document !== undefined) {
          document = this.documents.draft(next.document);
          for (const key of document.untold) draft.repeatState(key);
        }
        if (next.repeatStates === true) draft.repeatStates();
        if (next.renewEpoch === true) draft.renew(this.options.ids.uuid());
        draft.add(next.reports);
        memory.change(next.memory);
        taken.push(next);
      } catch (error) {
        next.reject(error);
      }
    }
    const renewed = draft.done().epoch !== this.outbox.epoch;
    const acks = ackedSeq > this.ackedOnDisk && !renewed ? ackOps(ackedSeq) : [];
    const ops = [...acks, ...draft.ops, ...memory.ops, ...(document?.ops ?? [])];
    try {
      if (ops.length > 0) await this.writer.write(ops);
    } catch (error) {
      for (const request of taken) request.reject(error);
      return;
    }
    const added = draft.ops.length > 0;
    if (renewed) {
      this.ackedSeq = 0;
      this.ackedOnDisk = 0;
    } else this.ackedOnDisk = ackedSeq;
    // Acknowledgements that came while the disk was busy count for the draft as well.
    this.outbox = withoutAcked(draft.done(), this.ackedSeq);
    memory.done();
    const documentsChanged = document?.done() === true;
    for (const request of taken) request.resolve();
    if (documentsChanged) this.tell(this.documentListeners);
    if (added) this.tell(this.recordListeners);
  }

  private tell(listeners: ReadonlySet<() => void>): void {
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.log.error({ err: error }, 'who listens to the ledger failed');
      }
    }
  }

  private async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.startFlush();
    await this.flushing;
    this.cancelTimer?.();
    await this.writer.close();
  }
}

function outboxOf(rows: LedgerRows, meta: ReadonlyMap<string, string>, epoch: string, log: Log): Outbox {
  const records = rows.outbox.flatMap(([seq, text]): readonly OutboxRecord[] => {
    try {
      // Only this folder writes these rows, from the same type.
      return [JSON.parse(text) as OutboxRecord];
    } catch (error) {
      log.error({ err: error, seq }, 'a record of the outbox can not be read and is left out');
      return [];
    }
  });
  return loadOutbox(epoch, Number(meta.get(LAST_SEQ) ?? 0), Number(meta.get(ACKED_SEQ) ?? 0), records);
}

/** A full disk is no death: what it takes again is written again. */
function rethrowDeath(error: unknown): void {
  if (!hasCode(error, 'DiskFull')) throw error;
}

function listen(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** In names of files that are set aside. */
export const stampOf = (nowMs: number): string => new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
