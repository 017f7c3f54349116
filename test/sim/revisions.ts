import { keyText, type Entry } from '../../src/rest/storage.ts';

/**
 * Revisions as the world has seen them, through all lives of one database: they only rise, and none is given to two writes. An operator
 * who puts an older copy of the database in its place begins anew.
 */
export class Revisions {
  readonly #violated: (what: string) => void;
  readonly #holders = new Map<number, string>();
  #last = 0;

  constructor(violated: (what: string) => void) {
    this.#violated = violated;
  }

  /** A process has opened the database. */
  opened(revision: number): void {
    if (revision < this.#last) this.#violated(`revision: a start went back to ${revision} from ${this.#last}`);
  }

  /** A watcher was told of it. */
  committed({ revision, key }: Entry): void {
    if (revision <= this.#last) this.#violated(`revision: ${revision} of ${keyText(key)} came after ${this.#last}`);
    this.#last = Math.max(this.#last, revision);
    this.#holds(revision, keyText(key));
  }

  /** A client was told of it, perhaps before any watcher was. */
  acknowledged(revision: number, key: string): void {
    this.#holds(revision, key);
  }

  #holds(revision: number, key: string): void {
    const holder = this.#holders.get(revision) ?? key;
    if (holder !== key) this.#violated(`revision: ${revision} was given to ${holder} and to ${key}`);
    this.#holders.set(revision, key);
  }
}
