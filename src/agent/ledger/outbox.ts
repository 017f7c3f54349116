import { SkerryError } from '#lib/error.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import { RECORD_BYTES_MAX, type OutboxRecord } from '#api/link/messages.ts';
import type { Report } from '#api/link/reports.ts';
import type { RowOp } from './rows.ts';

/**
 * The outbox as a value in memory, one record per row of its table, and the one way to change it: a draft, which becomes the outbox
 * when its rows are on the disk. Invariants:
 *  - a seq is given out once per epoch, and they grow; a sender is shown committed records only;
 *  - of one state key at most one record stands here: a newer one takes a place at the end and the older goes. Right whether or not the
 *    older was sent, because a batch names the seq before it, so that holes are seen to be holes (src/api/link/messages.ts, Status);
 *  - at most `eventsMax` events: the oldest gives way, and the record at its place says how many are lost so far;
 *  - decisions are neither replaced nor dropped: when there are `decisionsMax`, new ones are refused.
 */
export type OutboxLimits = { readonly eventsMax: number; readonly decisionsMax: number; readonly statesMax: number };

export const OUTBOX_LIMITS: OutboxLimits = { eventsMax: 1_000, decisionsMax: 10_000, statesMax: 4_096 };

export type Stored = { readonly record: OutboxRecord; readonly bytes: number };

export type Outbox = {
  readonly epoch: string;
  readonly lastSeq: number;
  /** In the order of their seqs. */
  readonly records: ReadonlyMap<number, Stored>;
  /**
   * The last report of each state key, acknowledged or not: one that says the same is not written again, and all can be told once more.
   * Its row stays in the table when it is acknowledged, until a newer one replaces it.
   */
  readonly states: ReadonlyMap<string, LastState>;
};

export type LastState = { readonly seq: number; readonly report: Report };

export const EPOCH = 'epoch';
export const LAST_SEQ = 'lastSeq';
export const ACKED_SEQ = 'ackedSeq';

export const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

/** The records up to `ackedSeq` are the server's now. */
export function withoutAcked(outbox: Outbox, ackedSeq: number): Outbox {
  const first = outbox.records.keys().next();
  if (first.done === true || first.value > ackedSeq) return outbox;
  return { ...outbox, records: new Map([...outbox.records].filter(([seq]) => seq > ackedSeq)) };
}

/** What of the table an acknowledgement makes needless: everything but each key's last state. */
export function ackOps(ackedSeq: number): readonly RowOp[] {
  return [
    ['forgetRecordsUpTo', ackedSeq],
    ['putMeta', ACKED_SEQ, String(ackedSeq)],
  ];
}

/** As a restart finds it. */
export function loadOutbox(epoch: string, lastSeq: number, ackedSeq: number, rows: readonly OutboxRecord[]): Outbox {
  const states = rows.flatMap((record): readonly (readonly [string, LastState])[] =>
    'report' in record && record.report.class === 'state'
      ? [[record.report.key, { seq: record.seq, report: record.report }]]
      : [],
  );
  const records = rows
    .filter(({ seq }) => seq > ackedSeq)
    .map((record) => [record.seq, { record, bytes: bytesOf(JSON.stringify(record)) }] as const);
  return { epoch, lastSeq, records: new Map(records), states: new Map(states) };
}

/** After this nothing is told of the pod any more. */
const isLast = (report: Report): boolean => report.class === 'state' && 'gone' in report.body;

export class OutboxDraft {
  readonly ops: RowOp[] = [];
  private readonly before: Outbox;
  private readonly limits: OutboxLimits;
  private epoch: string;
  private lastSeq: number;
  private readonly records: Map<number, Stored>;
  private readonly states: Map<string, LastState>;
  private readonly stateSeqs = new Map<string, number>();
  private readonly eventSeqs = new Set<number>();
  private decisions = 0;
  private lost: { readonly seq: number; readonly count: number; readonly fromSeq: number } | undefined;

  constructor(outbox: Outbox, limits: OutboxLimits) {
    this.before = outbox;
    this.limits = limits;
    this.epoch = outbox.epoch;
    this.lastSeq = outbox.lastSeq;
    this.records = new Map(outbox.records);
    this.states = new Map(outbox.states);
    for (const [seq, { record }] of outbox.records) this.count(seq, record);
  }

  /** All of them or, where one is refused (`OutboxFull`, `RecordTooLarge`), none. */
  add(reports: readonly Report[]): void {
    this.refuse(reports);
    for (const report of reports) {
      if (report.class === 'state') this.addState(report.key, report);
      else this.append({ report });
      if (this.eventSeqs.size > this.limits.eventsMax) this.dropOldestEvent();
    }
  }

  repeatStates(): void {
    // What is still on its way comes anyway, and in its place: before the decisions that came after it.
    const told = [...this.states].filter(([, { seq }]) => !this.records.has(seq));
    for (const [key, { report }] of told) this.replaceState(key, report);
  }

  /** The state of this, if it was ever told: also what is on its way, which may arrive too early to count. */
  repeatState(key: string): void {
    const last = this.states.get(key);
    if (last !== undefined) this.replaceState(key, last.report);
  }

  /** Called with what is acknowledged when the draft begins. The end of a pod is told again for as long as the document names it. */
  forget(ackedSeq: number, isDesired: (key: string) => boolean): void {
    for (const [key, { seq, report }] of this.states) {
      if (seq > ackedSeq || !isLast(report) || isDesired(key)) continue;
      this.states.delete(key);
      this.ops.push(['deleteRecord', seq]);
    }
  }

  /** A new epoch; the records keep their order and get the seqs from 1 on. */
  renew(epoch: string): void {
    const waiting = [...this.records.values()].map(({ record }) => record);
    const told = [...this.states.values()].filter(({ seq }) => !this.records.has(seq));
    this.ops.push(['deleteRecordsUpTo', this.lastSeq], ['putMeta', EPOCH, epoch], ['putMeta', ACKED_SEQ, '0']);
    this.records.clear();
    this.states.clear();
    this.stateSeqs.clear();
    this.eventSeqs.clear();
    this.decisions = 0;
    this.lost = undefined;
    this.epoch = epoch;
    this.lastSeq = 0;
    for (const record of [...told, ...waiting]) {
      if ('lost' in record) this.append({ lost: { count: record.lost.count, fromSeq: this.lastSeq + 1 } });
      else if (record.report.class === 'state') this.replaceState(record.report.key, record.report);
      else this.append({ report: record.report });
    }
  }

  /** The outbox once `ops` are on the disk. */
  done(): Outbox {
    if (this.ops.length === 0) return this.before;
    return { epoch: this.epoch, lastSeq: this.lastSeq, records: this.records, states: this.states };
  }

  private refuse(reports: readonly Report[]): void {
    const decisions = reports.filter((report) => report.class === 'decision').length;
    if (this.decisions + decisions > this.limits.decisionsMax)
      throw new SkerryError(
        'OutboxFull',
        `put ${decisions} decisions into the outbox: ${this.decisions} wait for the server already, more than ${this.limits.decisionsMax} are not kept`,
      );
    const keys = new Set(
      reports.flatMap((report) => (report.class === 'state' && !this.stateSeqs.has(report.key) ? [report.key] : [])),
    );
    if (this.stateSeqs.size + keys.size > this.limits.statesMax)
      throw new SkerryError(
        'OutboxFull',
        `put the state of ${keys.size} more things into the outbox: it has ${this.stateSeqs.size} already`,
      );
    for (const report of reports) {
      const bytes = bytesOf(JSON.stringify(report));
      if (bytes > RECORD_BYTES_MAX)
        throw new SkerryError(
          'RecordTooLarge',
          `put a ${report.class} of ${bytes} bytes into the outbox: at most ${RECORD_BYTES_MAX}`,
        );
    }
  }

  private addState(key: string, report: Report): void {
    const last = this.states.get(key);
    if (last !== undefined && canonicalText(last.report) === canonicalText(report)) return;
    this.replaceState(key, report);
  }

  private replaceState(key: string, report: Report): void {
    const older = this.states.get(key);
    if (older !== undefined) this.remove(older.seq);
    else if (this.states.size >= this.limits.statesMax) this.forgetOldestState();
    const seq = this.append({ report });
    // At the end, so that the oldest stands first.
    this.states.delete(key);
    this.states.set(key, { seq, report });
  }

  /** Of those that the server has; the others are bounded by `refuse`. */
  private forgetOldestState(): void {
    const oldest = [...this.states].find(([, { seq }]) => !this.records.has(seq));
    if (oldest === undefined) return;
    this.states.delete(oldest[0]);
    this.remove(oldest[1].seq);
  }

  private append(
    content: { readonly report: Report } | { readonly lost: { readonly count: number; readonly fromSeq: number } },
  ): number {
    this.lastSeq += 1;
    this.put({ seq: this.lastSeq, ...content });
    this.ops.push(['putMeta', LAST_SEQ, String(this.lastSeq)]);
    return this.lastSeq;
  }

  private dropOldestEvent(): void {
    const oldest = this.eventSeqs.values().next();
    if (oldest.done === true) return;
    const seq = oldest.value;
    const { count, fromSeq } = this.lost ?? { count: 0, fromSeq: seq };
    if (this.lost !== undefined) this.remove(this.lost.seq);
    this.eventSeqs.delete(seq);
    this.put({ seq, lost: { count: count + 1, fromSeq } });
  }

  private put(record: OutboxRecord): void {
    const text = JSON.stringify(record);
    this.records.set(record.seq, { record, bytes: bytesOf(text) });
    this.count(record.seq, record);
    const key = 'report' in record && record.report.class === 'state' ? record.report.key : '';
    this.ops.push(['putRecord', record.seq, key, text]);
  }

  private remove(seq: number): void {
    this.records.delete(seq);
    this.ops.push(['deleteRecord', seq]);
  }

  private count(seq: number, record: OutboxRecord): void {
    if ('lost' in record) {
      this.lost = { seq, ...record.lost };
      return;
    }
    switch (record.report.class) {
      case 'state':
        this.stateSeqs.set(record.report.key, seq);
        break;
      case 'event':
        this.eventSeqs.add(seq);
        break;
      case 'decision':
        this.decisions += 1;
    }
  }
}
