/**
 * Gives out revisions, each once for ever: also across restarts, failed commits and writes that never reach the disk. They come from
 * blocks whose end is on the disk before any of them is seen; a start goes on above the last block.
 */
export const BLOCK_REVISIONS = 100_000;
/** Durable commits take the next block along this early, so that a disk that loses its last writes still knows of the block in use. */
const AHEAD_REVISIONS = BLOCK_REVISIONS / 2;

export class Revisions {
  #last: number;
  /** The end of the block on the disk, and of the one on its way there. */
  #durable: number;
  #asked: number;

  /** `reserved` is what the disk holds: no revision above it was ever given. `jump` leaves a gap, for a disk that is behind the world. */
  constructor(reserved: number, jump = 0) {
    this.#last = reserved + jump + 1;
    this.#durable = 0;
    this.#asked = 0;
  }

  /** The last one given; at first, one that no object has. */
  get last(): number {
    return this.#last;
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Leaves a gap, as the constructor's `jump`: what comes next is above all that a lost part of the disk may have held. */
  leap(jump: number): void {
    this.#last += jump;
  }

  /** The block's end that must become durable with this commit, at the latest, if one must. Call it after `next`. */
  reserve(durable: boolean): number | undefined {
    if (this.#last + (durable ? AHEAD_REVISIONS : 0) <= this.#asked) return undefined;
    this.#asked = this.#last + BLOCK_REVISIONS;
    return this.#asked;
  }

  reserved(end: number): void {
    this.#durable = Math.max(this.#durable, end);
  }

  /** Nothing that was on its way arrived. */
  failed(): void {
    this.#asked = this.#durable;
  }
}
