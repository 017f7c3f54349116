import { SkerryError } from '#lib/error.ts';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { statusOf } from '#api/status.ts';
import type { OutboxRecord, UnreadableRecord } from '#api/link/messages.ts';
import type { Author, Change } from '#rest/change.ts';
import type { Carrier } from '../carry-out.ts';
import type { View } from '../view.ts';
import type { EventDesk } from './event-desk.ts';
import { changesOf } from './report-changes.ts';

/**
 * Carries a batch of a node's records out through the pipeline, in their order. States that stand side by side are of different
 * things and go out together. What is not the node's to say, or can not be, is skipped with a word in the log; what only the moment forbids
 * (a full disk) is thrown, and the batch comes again: all of it may be done twice.
 */
export type RecordDeskOptions = {
  readonly view: () => View;
  readonly change: Carrier;
  readonly events: EventDesk;
  readonly clock: Clock;
  readonly log: Log;
};

export type BatchPlace = {
  readonly node: string;
  readonly epoch: string;
  readonly clockOffsetMs: number;
  /** Records up to here were applied before. */
  readonly lastSeq: number;
  /** Give up on what fails for no known reason, too: it has failed often enough. */
  readonly lastTry: boolean;
};

const CONFLICTS_MAX = 3;
/** States carried out at a time. */
const TOGETHER_MAX = 64;

type Incoming = OutboxRecord | UnreadableRecord;

/** How agents appear in the pipeline. */
export function authorOf(node: string): Author {
  return {
    user: { name: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] },
    fieldManager: 'skerry-agent',
  };
}

export async function applyRecords(
  records: readonly Incoming[],
  place: BatchPlace,
  options: RecordDeskOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const run of runsOf(records)) {
    const results = await Promise.allSettled(run.map((record) => applyRecord(record, place, options, signal)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }
}

function runsOf(records: readonly Incoming[]): readonly (readonly Incoming[])[] {
  const runs: Incoming[][] = [];
  for (const record of records) {
    const last = runs.at(-1);
    const neighbour = last?.at(-1);
    if (last !== undefined && neighbour !== undefined && isState(neighbour) && isState(record) && last.length < TOGETHER_MAX)
      last.push(record);
    else runs.push([record]);
  }
  return runs;
}

const isState = (record: Incoming): boolean => 'report' in record && record.report.class === 'state';

async function applyRecord(record: Incoming, place: BatchPlace, options: RecordDeskOptions, signal: AbortSignal): Promise<void> {
  const { log } = options;
  const { node } = place;
  const { seq } = record;
  if ('unreadable' in record) {
    log.warn({ node, seq, why: record.unreadable }, 'a report of a node can not be read and is skipped');
    return;
  }
  if ('lost' in record) {
    // What was told before the node lost count of it is not lost.
    const count = Math.min(record.lost.count, seq - Math.max(record.lost.fromSeq - 1, place.lastSeq));
    log.warn({ node, count }, 'a node had more events than it could keep: some are lost');
    return;
  }
  const { report } = record;
  if (report.class === 'event') {
    const eventPlace = { node, epoch: place.epoch, seq, clockOffsetMs: place.clockOffsetMs };
    const judged = options.events.judge(report.body, eventPlace, options.view(), options.clock.now(), options.clock.monotonic());
    if ('dropped' in judged)
      log.warn({ node, seq, reason: report.body.reason, why: judged.dropped }, 'an event of a node is skipped');
    else if (judged.change !== undefined) options.events.committed(await carry(judged.change, seq, place, options, signal));
    return;
  }
  const clocks = { clockOffsetMs: place.clockOffsetMs, nowMs: options.clock.now() };
  const judged = changesOf(report, node, options.view(), clocks);
  if ('dropped' in judged) {
    log.info(
      { node, seq, report: report.class === 'state' ? report.key : report.body.type, why: judged.dropped },
      'a report of a node is skipped',
    );
    return;
  }
  for (const change of judged.changes) await carry(change, seq, place, options, signal);
}

async function carry(change: Change, seq: number, place: BatchPlace, options: RecordDeskOptions, signal: AbortSignal) {
  const { node, lastTry } = place;
  for (let tries = 1; ; tries += 1) {
    try {
      return await options.change(change, authorOf(node), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, reason } = statusOf(error);
      if (reason === 'Conflict' && tries < CONFLICTS_MAX) continue;
      if (reason === 'NotFound') return undefined;
      if (isPassing(reason) || (!isRefusal(error, code) && !lastTry)) throw error;
      const { verb } = change;
      const resource = 'resource' in change ? change.resource : 'pods';
      options.log.warn({ err: error, node, seq, verb, resource }, 'a report of a node was refused and is skipped');
      return undefined;
    }
  }
}

const SERVER_FAULT = 500;
const PASSING: ReadonlySet<string | undefined> = new Set(['TooManyRequests', 'ServiceUnavailable', 'Timeout']);

/** The disk is full, the server is stopping: the same change will succeed when that is over, and is kept until then. */
function isPassing(reason: string | undefined): boolean {
  return PASSING.has(reason);
}

/** The pipeline looked at it and said no. Anything else may be a fault of ours in this one record. */
function isRefusal(error: unknown, status: number): boolean {
  return error instanceof SkerryError && status < SERVER_FAULT;
}
