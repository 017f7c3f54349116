import { apiError } from '#api/status.ts';
import type { SkerryError } from '#lib/error.ts';
import type { Entry } from '#rest/storage.ts';

/**
 * The last commits, in memory only: what watches read and old lists undo. Bounded by entries and by the bytes only it still holds (each
 * entry's `before`); the oldest commit goes first. What went is remembered per resource, so that a quiet resource's watcher can come
 * back long after busy ones have used the ring up.
 */
export type Batch = {
  /** The first and last revision of the commit. */
  readonly first: number;
  readonly last: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
  /** How many entries there ever were before it. */
  readonly ordinal: number;
};

export type RingLimits = { readonly entriesMax: number; readonly bytesMax: number };

export const RING_ENTRIES_MAX = 20_000;
export const RING_BYTES_MAX = 32 * 1024 ** 2;
/** What an entry costs beside its objects. */
export const ENTRY_BYTES = 200;
/** Used-up places before the array is cut. */
const SLACK = 1_024;

export class Ring {
  readonly #start: number;
  readonly #limits: RingLimits;
  readonly #gone = new Map<string, number>();
  #batches: Batch[] = [];
  #head = 0;
  /** Commits that were cut off the array. */
  #cut = 0;
  #entries = 0;
  #bytes = 0;
  #floor: number;
  #entriesEver = 0;

  /** `start`: the revision the process began with; nothing before it is known. */
  constructor(start: number, limits: RingLimits) {
    this.#start = start;
    this.#floor = start;
    this.#limits = limits;
  }

  /** One commit, never an empty one. `bytes`: what the `before` objects hold. */
  append(entries: readonly Entry[], bytes: number): void {
    const [first, last] = [entries[0]?.revision ?? 0, entries.at(-1)?.revision ?? 0];
    const all = bytes + entries.length * ENTRY_BYTES;
    this.#batches.push({ first, last, entries, bytes: all, ordinal: this.#entriesEver });
    this.#entries += entries.length;
    this.#entriesEver += entries.length;
    this.#bytes += all;
    while (this.#entries > this.#limits.entriesMax || this.#bytes > this.#limits.bytesMax) this.#dropOldest();
  }

  /** The sequence number the next commit will get. */
  get end(): number {
    return this.#cut + this.#batches.length;
  }

  /** The commit of this sequence number; undefined if there is none yet, or it is gone. */
  at(sequence: number): Batch | undefined {
    return sequence < this.#cut + this.#head ? undefined : this.#batches[sequence - this.#cut];
  }

  /** The sequence number of the first commit that holds anything newer than `revision`, among those still here. */
  sequenceAfter(revision: number): number {
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const batch = this.#batches[middle];
      if (batch !== undefined && batch.last <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#cut + low;
  }

  /** True if nothing of this resource (of any, if undefined) newer than `revision` is missing here. */
  reaches(revision: number, resource: string | undefined): boolean {
    return revision >= this.#floorOf(resource);
  }

  expired(revision: number, resource: string | undefined): SkerryError {
    return apiError('Expired', `too old resource version: ${revision} (${this.#floorOf(resource)})`);
  }

  /** How many entries there are from this sequence number on. */
  backlog(sequence: number): number {
    return this.#entriesEver - (this.at(sequence)?.ordinal ?? this.#entriesEver);
  }

  #floorOf(resource: string | undefined): number {
    return resource === undefined ? this.#floor : (this.#gone.get(resource) ?? this.#start);
  }

  #dropOldest(): void {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return;
    for (const entry of batch.entries) this.#gone.set(entry.key.resource, entry.revision);
    this.#floor = batch.last;
    this.#entries -= batch.entries.length;
    this.#bytes -= batch.bytes;
    this.#head += 1;
    if (this.#head < SLACK) return;
    this.#batches = this.#batches.slice(this.#head);
    this.#cut += this.#head;
    this.#head = 0;
  }
}
