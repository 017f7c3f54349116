import type { Report } from '#api/link/reports.ts';
import { cutText } from '#lib/cut-text.ts';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Ledger } from './ledger/ledger.ts';

/** One thing that may be wrong with a node: log and events hear of it if it lasts longer than a moment, and that it is well again. Whether it is, others know. */
export type NodeTrouble = {
  readonly trouble: (trouble: Trouble) => void;
  readonly well: (message: string) => void;
  readonly stop: () => void;
};

/** The message says what to do about it. */
export type Trouble = { readonly reason: string; readonly message: string };

export type NodeTroubleOptions = {
  readonly node: string;
  readonly ledger: Pick<Ledger, 'commit'>;
  readonly clock: Clock;
  readonly log: Log;
};

export type TroubleWords = {
  /** Reason of the event of its end. */
  readonly healed: string;
  /** Sentences for the log. */
  readonly wrong: string;
  readonly right: string;
};

/** A cable that is pulled and put back is no news. */
export const TELL_AFTER_MS = 10_000;
const MESSAGE_BYTES_MAX = 1_024;

export function createNodeTrouble({ node, ledger, clock, log }: NodeTroubleOptions, words: TroubleWords): NodeTrouble {
  let waiting: { readonly trouble: Trouble; readonly cancel: () => void } | undefined;
  let told: Trouble | undefined;

  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => {
    const involved = { kind: 'Node', name: node, uid: node };
    const body = { involved, type, reason, message: cutText(message, MESSAGE_BYTES_MAX), time: rfc3339(clock.now()), count: 1 };
    const report: Report = { class: 'event', body };
    ledger.commit([], [report]).catch((error: unknown) => log.warn({ err: error, reason }, 'an event of the node is lost'));
  };

  return {
    trouble: (trouble) => {
      if (waiting?.trouble.reason === trouble.reason) return;
      waiting?.cancel();
      waiting = undefined;
      if (told?.reason === trouble.reason) return;
      const cancel = clock.timer(TELL_AFTER_MS, () => {
        waiting = undefined;
        told = trouble;
        log.warn({ why: trouble.message }, words.wrong);
        tell('Warning', trouble.reason, trouble.message);
      });
      waiting = { trouble, cancel };
    },
    well: (message) => {
      waiting?.cancel();
      waiting = undefined;
      if (told === undefined) return;
      told = undefined;
      log.info({}, words.right);
      tell('Normal', words.healed, message);
    },
    stop: () => waiting?.cancel(),
  };
}
