import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import type { OutboxRecord } from '#api/link/messages.ts';
import type { Report } from '#api/link/reports.ts';
import { OutboxDraft, ackOps, loadOutbox, withoutAcked, type Outbox } from './outbox.ts';
import type { RowOp } from './rows.ts';

/** The outbox against a table in memory: after any history, what a restart finds is what was in memory, and nothing promised is missing. */
const LIMITS = { eventsMax: 4, decisionsMax: 5, statesMax: 3 };

type Step = { readonly do: 'event' | 'decision' | 'state' | 'ack' | 'restart' | 'fail'; readonly n: number };

const steps = fc.array(
  fc.record({ do: fc.constantFrom<Step['do']>('event', 'event', 'decision', 'state', 'ack', 'restart', 'fail'), n: fc.nat(5) }),
  { maxLength: 60 },
);

class Table {
  private readonly rows = new Map<number, { readonly key: string; readonly text: string }>();
  acked = 0;
  last = 0;

  write(ops: readonly RowOp[]): void {
    for (const [name, first, second, third] of ops) {
      if (name === 'putRecord') this.rows.set(Number(first), { key: String(second), text: String(third) });
      else if (name === 'deleteRecord') this.rows.delete(Number(first));
      else if (name === 'forgetRecordsUpTo')
        for (const [seq, { key }] of this.rows) if (seq <= Number(first) && key === '') this.rows.delete(seq);
      if (name === 'putMeta' && first === 'ackedSeq') this.acked = Number(second);
      if (name === 'putMeta' && first === 'lastSeq') this.last = Number(second);
    }
  }

  load(): Outbox {
    const records = [...this.rows].toSorted(([a], [b]) => a - b).map(([, { text }]) => JSON.parse(text) as OutboxRecord);
    return loadOutbox('e', this.last, this.acked, records);
  }
}

function reportOf({ do: what, n }: Step, count: number): Report {
  if (what === 'decision')
    return { class: 'decision', body: { type: 'verdict', uid: String(count), phase: 'Failed', reason: '', message: '' } };
  if (what === 'state')
    return {
      class: 'state',
      key: `pods/${n}`,
      body: { uid: String(n), namespace: 'd', name: 'p', status: { message: String(count % 3) } },
    };
  return {
    class: 'event',
    body: { involved: { kind: 'Pod', name: 'p' }, type: 'Normal', reason: 'R', message: String(count), time: '', count: 1 },
  };
}

const textOf = (outbox: Outbox) => ({
  last: outbox.lastSeq,
  records: [...outbox.records.values()].map(({ record }) => record),
  states: new Map(outbox.states),
});

test('never loses a decision, never an event without a word, never gives a seq twice, and a restart finds it as it was', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const table = new Table();
      let outbox = table.load();
      let events = 0;
      let told = 0;
      const decided = new Set<string>();
      const heard = new Set<string>();
      const seqs = new Map<number, string>();
      for (const [count, step] of history.entries()) {
        if (step.do === 'restart') outbox = table.load();
        else if (step.do === 'ack') {
          const upTo = [...outbox.records.keys()][step.n];
          if (upTo === undefined) continue;
          for (const [seq, { record }] of outbox.records) {
            if (seq > upTo) continue;
            if ('lost' in record) told += record.lost.count;
            else if (record.report.class === 'event') told += 1;
            else if (record.report.class === 'decision') heard.add(record.report.body.uid);
          }
          table.write(ackOps(upTo));
          outbox = withoutAcked(outbox, upTo);
        } else {
          const report = reportOf(step, count);
          const draft = new OutboxDraft(outbox, LIMITS);
          try {
            draft.add([report]);
          } catch (error) {
            expect(hasCode(error, 'OutboxFull')).toBe(true);
            expect(report.class).not.toBe('event');
            continue;
          }
          // The disk refuses: nothing has happened.
          if (step.do === 'fail') continue;
          table.write(draft.ops);
          outbox = draft.done();
          if (report.class === 'event') events += 1;
          if (report.class === 'decision') decided.add(report.body.uid);
        }
        expect(textOf(table.load())).toEqual(textOf(outbox));
        for (const [seq, { record }] of outbox.records) {
          const text = 'lost' in record ? 'lost' : JSON.stringify(record);
          if (text !== 'lost' && seqs.get(seq) !== 'lost') expect(seqs.get(seq) ?? text).toBe(text);
          seqs.set(seq, text);
        }
      }
      const waiting = [...outbox.records.values()].map(({ record }) => record);
      for (const record of waiting)
        if ('report' in record && record.report.class === 'decision') heard.add(record.report.body.uid);
      expect(heard).toEqual(decided);
      const kept = waiting.reduce(
        (sum, record) => sum + ('lost' in record ? record.lost.count : record.report.class === 'event' ? 1 : 0),
        0,
      );
      expect(told + kept).toBe(events);
      expect([...outbox.records.keys()]).toEqual([...outbox.records.keys()].toSorted((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});
