import { apiError } from '#api/status.ts';
import type { Log } from '#lib/log.ts';
import type { Watch, Watcher } from '#rest/storage.ts';
import { WATCHERS_MAX, WATCH_BACKLOG_MAX } from '#rest/storage.ts';
import type { Batch, Ring } from './ring.ts';

/**
 * Carries commits from the ring to those who watch: each commit one batch, in order, on a later turn of the loop. A watcher is only a
 * place in the ring, so that a slow one costs no memory; one that falls too far behind is ended and has to list again.
 */
export type WatchersOptions = { readonly ring: Ring; readonly log: Log; readonly backlogMax?: number };

const RETRY_AFTER_SECONDS = 5;

type Seat = {
  readonly watcher: Watcher;
  /** It has been given everything up to this revision. */
  seen: number;
  /** Sequence number of the commit it gets next. */
  next: number;
  /** It has not yet taken what it was given. */
  busy: boolean;
};

export class Watchers {
  readonly #ring: Ring;
  readonly #log: Log;
  readonly #backlogMax: number;
  readonly #seats = new Set<Seat>();
  #due = false;

  constructor({ ring, log, backlogMax = WATCH_BACKLOG_MAX }: WatchersOptions) {
    this.#ring = ring;
    this.#log = log;
    this.#backlogMax = backlogMax;
  }

  /** Throws Expired, or TooManyRequests: never to who watches all resources, for those are our own loops, which clients must not shut out. */
  watch(revision: number, watcher: Watcher): Watch {
    if (watcher.resource !== undefined && this.#seats.size >= WATCHERS_MAX)
      throw apiError('TooManyRequests', `${WATCHERS_MAX} watches are open, which is the most there may be; try again later`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    if (!this.#ring.reaches(revision, watcher.resource)) throw this.#ring.expired(revision, watcher.resource);
    const seat: Seat = { watcher, seen: revision, next: this.#ring.sequenceAfter(revision), busy: false };
    this.#seats.add(seat);
    if (seat.next < this.#ring.end) this.wake();
    return { stop: () => void this.#seats.delete(seat), seen: () => seat.seen };
  }

  /** There are new commits in the ring. */
  wake(): void {
    if (this.#due || this.#seats.size === 0) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      for (const seat of this.#seats) this.#serve(seat);
    });
  }

  endAll(why: Error): void {
    for (const seat of this.#seats) this.#end(seat, why);
  }

  #serve(seat: Seat): void {
    while (!seat.busy && this.#seats.has(seat) && seat.next < this.#ring.end) {
      const batch = this.#ring.at(seat.next);
      if (batch === undefined) {
        if (!this.#ring.reaches(seat.seen, seat.watcher.resource)) return this.#lost(seat);
        seat.next = this.#ring.sequenceAfter(seat.seen);
        continue;
      }
      const entries = concerning(batch, seat);
      seat.seen = Math.max(seat.seen, batch.last);
      seat.next += 1;
      if (entries.length > 0) this.#give(seat, entries);
    }
    if (!seat.busy || seat.next >= this.#ring.end) return;
    if (this.#ring.backlog(seat.next) > this.#backlogMax) this.#fellBehind(seat);
    else if (this.#ring.at(seat.next) === undefined && !this.#ring.reaches(seat.seen, seat.watcher.resource)) this.#lost(seat);
  }

  #give(seat: Seat, entries: Batch['entries']): void {
    try {
      const taken = seat.watcher.batch(entries);
      if (taken === undefined) return;
      seat.busy = true;
      taken.then(
        () => {
          seat.busy = false;
          if (seat.next < this.#ring.end) this.wake();
        },
        (error: unknown) => this.#failed(seat, error),
      );
    } catch (error) {
      this.#failed(seat, error);
    }
  }

  #lost(seat: Seat): void {
    this.#end(seat, this.#ring.expired(seat.seen, seat.watcher.resource));
  }

  #fellBehind(seat: Seat): void {
    this.#end(seat, apiError('Expired', `the watch fell more than ${this.#backlogMax} changes behind and was ended`));
  }

  #failed(seat: Seat, error: unknown): void {
    this.#log.error({ err: error, resource: seat.watcher.resource }, 'watcher failed and was ended');
    this.#end(seat, apiError('InternalError', 'the watch was ended by an error of the server'));
  }

  #end(seat: Seat, why: Error): void {
    if (!this.#seats.delete(seat)) return;
    try {
      seat.watcher.ended(why);
    } catch (error) {
      this.#log.error({ err: error, resource: seat.watcher.resource }, 'watcher failed at its end');
    }
  }
}

function concerning(batch: Batch, { seen, watcher: { resource } }: Seat): Batch['entries'] {
  // Nearly always the whole batch, or nothing of it.
  if (batch.first > seen && (resource === undefined || batch.entries.every((entry) => entry.key.resource === resource)))
    return batch.entries;
  return batch.entries.filter((entry) => entry.revision > seen && (resource === undefined || entry.key.resource === resource));
}
