import type { Clock } from '#lib/clock.ts';
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, type Observed, type Status } from '#api/link/messages.ts';
import type { SendResult } from '#net/link/transport.ts';
import type { LinkLedger } from '../ledger/link-ledger.ts';

/**
 * Sends the outbox over one connection: in order, a window ahead of the server's acknowledgements, all over again from the last
 * acknowledged record when they stay away (go-back-N). It keeps nothing: what is not acknowledged is in the ledger.
 */
export type SenderOptions = {
  readonly ledger: LinkLedger;
  readonly clock: Clock;
  readonly send: (message: Status) => SendResult;
  /** Milliseconds since anything was heard from the server. */
  readonly silentMs: () => number;
  /** Nothing was heard for too long though there should be: the connection is dead. */
  readonly dead: () => void;
};

/** Batches sent and not acknowledged. */
const WINDOW_BATCHES = 8;
const ACK_WAIT_MS_MIN = 5_000;
const ACK_WAIT_ROUND_TRIPS = 4;
/** With something in flight and nothing heard for this long, a half-open connection is given up long before its keepalive would tell. */
const SILENT_MS_MAX = 20_000;
const CONGESTED_WAIT_MS = 250;
/** Repeated acknowledgements mean a gap; they are listened to at most this often. */
const GO_BACK_MS_MIN = 1_000;
/** Share of a new sample in the round trip time, as in TCP. */
const ROUND_TRIP_SHARE = 1 / 8;

type Batch = { readonly lastSeq: number; readonly sentMs: number };

export class OutboxSender {
  private readonly options: SenderOptions;
  private epoch = '';
  /** The last record sent, or acknowledged. */
  private cursor = 0;
  private inFlight: Batch[] = [];
  private roundTripMs = 0;
  private wentBackMs = Number.NEGATIVE_INFINITY;
  private running = false;
  private cancelTimer: () => void = () => undefined;
  private unlisten: () => void = () => undefined;

  constructor(options: SenderOptions) {
    this.options = options;
  }

  /** From the last acknowledged record on. Also when the server has greeted us anew. */
  start(): void {
    this.stop();
    const { ledger } = this.options;
    this.running = true;
    this.rewind();
    this.unlisten = ledger.onRecords(() => this.pump());
    this.pump();
  }

  stop(): void {
    this.running = false;
    this.cancelTimer();
    this.unlisten();
    this.inFlight = [];
  }

  acknowledged(epoch: string, seq: number): void {
    const { ledger, clock } = this.options;
    const before = ledger.outbox().ackedSeq;
    ledger.acknowledged(epoch, seq);
    if (!this.running || epoch !== this.epoch) return;
    const newest = this.inFlight.findLast((batch) => batch.lastSeq <= seq);
    if (newest !== undefined) this.sample(clock.monotonic() - newest.sentMs);
    this.inFlight = this.inFlight.filter((batch) => batch.lastSeq > seq);
    this.cursor = Math.max(this.cursor, ledger.outbox().ackedSeq);
    const repeated = seq <= before && this.inFlight.length > 0;
    if (repeated && clock.monotonic() - this.wentBackMs >= GO_BACK_MS_MIN) this.rewind();
    this.pump();
  }

  /** Tells what the ledger holds, at once and without records. */
  observed(observed: Observed): void {
    const { epoch, ackedSeq } = this.options.ledger.outbox();
    this.options.send({ type: 'st', epoch, after: ackedSeq, records: [], observed });
  }

  private pump(): void {
    if (!this.running) return;
    const { ledger, clock } = this.options;
    if (ledger.outbox().epoch !== this.epoch) this.rewind();
    let result: SendResult = 'sent';
    while (this.inFlight.length < WINDOW_BATCHES && result === 'sent') {
      const records = ledger.records(this.cursor, BATCH_RECORDS_MAX, BATCH_BYTES_MAX);
      const last = records.at(-1);
      if (last === undefined) break;
      result = this.options.send({ type: 'st', epoch: this.epoch, after: this.cursor, records });
      if (result !== 'sent') break;
      this.inFlight.push({ lastSeq: last.seq, sentMs: clock.monotonic() });
      this.cursor = last.seq;
    }
    this.arm(result === 'congested');
  }

  private arm(congested: boolean): void {
    this.cancelTimer();
    const oldest = this.inFlight[0];
    if (oldest === undefined && !congested) return;
    const dueMs = oldest === undefined ? Number.POSITIVE_INFINITY : this.restMs(oldest);
    // Whole milliseconds: a rest too small to move the clock would be waited for at the same moment for ever.
    const waitMs = Math.ceil(Math.max(0, congested ? Math.min(dueMs, CONGESTED_WAIT_MS) : dueMs));
    this.cancelTimer = this.options.clock.timer(waitMs, () => this.look());
  }

  private look(): void {
    if (!this.running) return;
    const { silentMs, dead } = this.options;
    const oldest = this.inFlight[0];
    const overdue = oldest !== undefined && this.restMs(oldest) <= 0;
    if (overdue && silentMs() >= SILENT_MS_MAX) {
      dead();
      return;
    }
    if (overdue) this.rewind();
    this.pump();
  }

  private rewind(): void {
    const { epoch, ackedSeq } = this.options.ledger.outbox();
    this.epoch = epoch;
    this.cursor = ackedSeq;
    this.inFlight = [];
    this.wentBackMs = this.options.clock.monotonic();
  }

  private sample(roundTripMs: number): void {
    this.roundTripMs =
      this.roundTripMs === 0 ? roundTripMs : this.roundTripMs + (roundTripMs - this.roundTripMs) * ROUND_TRIP_SHARE;
  }

  /** How much longer its acknowledgement is waited for. */
  private restMs({ sentMs }: Batch): number {
    const waitMs = Math.max(ACK_WAIT_MS_MIN, ACK_WAIT_ROUND_TRIPS * this.roundTripMs);
    return sentMs + waitMs - this.options.clock.monotonic();
  }
}
