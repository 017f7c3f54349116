import type { Report } from '#api/link/reports.ts';
import type { Clock } from '#lib/clock.ts';
import type { ActionContext } from './actions/context.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { MemoryOverlay } from './memory-overlay.ts';
import type { Action } from './plan/action.ts';
import { podItem } from './plan/items.ts';
import { eventReport, isNews } from './pod-events.ts';
import type { RunningTime } from './running-time.ts';

/** What the pod loop writes down: memory and reports of a plan in one commit, with the events that were told since the last one. */
export type PodCommits = {
  /** Goes out with the next commit. */
  readonly tell: ActionContext['tell'];
  /** On the disk before this resolves; what rests on it comes after. */
  readonly commit: (actions: readonly Action[]) => Promise<void>;
  /** Nothing waits to be told. */
  readonly idle: () => boolean;
  /** Which events were told of pods that are no more need not be kept in mind. */
  readonly forgetAllBut: (uids: ReadonlySet<string>) => void;
};

export type PodCommitsOptions = {
  readonly ledger: Pick<Ledger, 'commit' | 'documents'>;
  readonly memory: MemoryOverlay;
  readonly time: RunningTime;
  readonly clock: Pick<Clock, 'now'>;
};

/** Events kept while the disk takes none, or nothing is planned. */
const UNSENT_MAX = 1_000;

export function createPodCommits({ ledger, memory, time, clock }: PodCommitsOptions): PodCommits {
  const told = new Map<string, Set<string>>();
  const unsent: Report[] = [];

  const reportOf: (...event: Parameters<ActionContext['tell']>) => Report = (pod, event) =>
    eventReport(pod, event, podItem(ledger.documents(), pod.uid), clock.now());

  return {
    tell: (pod, event) => {
      unsent.push(reportOf(pod, event));
      if (unsent.length > UNSENT_MAX) unsent.shift();
    },
    commit: async (actions) => {
      const planned = actions.flatMap((action) => (action.type === 'commit' ? [action] : []));
      const changes = planned.flatMap((action) => action.changes);
      const events = actions.flatMap((action) =>
        action.type === 'event' && isNews(told, action.pod.uid, action.event) ? [reportOf(action.pod, action.event)] : [],
      );
      const reports = [...unsent.splice(0), ...events, ...planned.flatMap((action) => action.reports)];
      if (changes.length === 0 && reports.length === 0) return;
      const running = time.due();
      try {
        await memory.during(changes, () => ledger.commit(running === undefined ? changes : [...changes, running], reports));
      } catch (error) {
        // What was to be told is told with the next commit; what was planned is planned again.
        unsent.unshift(...reports.filter((report) => report.class === 'event').slice(-UNSENT_MAX));
        throw error;
      }
    },
    idle: () => unsent.length === 0,
    forgetAllBut: (uids) => {
      for (const uid of told.keys()) if (!uids.has(uid)) told.delete(uid);
    },
  };
}
