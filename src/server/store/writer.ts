import type { KubeObject } from '#api/object.ts';
import { apiError } from '#api/status.ts';
import { assert } from '#lib/assert.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain, hasCode } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import { keyText, type Committed, type Entry, type Key, type Write } from '#rest/storage.ts';
import type { Committer } from './committer.ts';
import { CommitQueue } from './commit-queue.ts';
import type { Meta, RowChange } from './database.ts';
import type { Encoded } from './encoded.ts';
import { deepFreeze } from './freeze.ts';
import { checkPrecondition } from './preconditions.ts';
import type { Revisions } from './revisions.ts';
import type { Ring } from './ring.ts';
import type { Row, Table } from './table.ts';
import type { Watchers } from './watchers.ts';

/**
 * The way of a commit: preconditions against pending-or-committed, revisions, JSON once, the disk, then the committed state, the ring
 * and the watchers. Nobody sees a commit before it is durable; one that fails leaves nothing behind but a gap in the revisions.
 */
export type WriterParts = {
  readonly file: string;
  readonly committer: Committer;
  readonly table: Table;
  readonly ring: Ring;
  readonly watchers: Watchers;
  readonly encoded: Encoded;
  readonly revisions: Revisions;
  readonly clock: Clock;
  readonly log: Log;
  readonly freeze: boolean;
};

export const COMMIT_WRITES_MAX = 1_000;
/** As upstream's limit of a request body. */
export const OBJECT_BYTES_MAX = 3 * 1024 ** 2;
export const WAITING_COMMITS_MAX = 10_000;
export const WAITING_BYTES_MAX = 64 * 1024 ** 2;
const RETRY_AFTER_SECONDS = 1;

/** A key as the writes on their way will leave it. `object` undefined: deleted. */
type Pending = {
  readonly object: KubeObject | undefined;
  readonly revision: number;
  readonly uid: string;
  readonly durable: boolean;
};

/** One write, decided. `hadRow`: what it replaces is on the disk, or on its way there. */
type Change = {
  readonly key: Key;
  readonly text: string;
  readonly after: Pending;
  readonly json: string;
  readonly hadRow: boolean;
};

export class Writer {
  readonly #parts: WriterParts;
  readonly #queue: CommitQueue;
  readonly #pending = new Map<string, Pending>();
  #revision: number;
  /** What the start had to say, until it has arrived on the disk. */
  #begun: Meta | undefined;
  /** The same with all facts since: goes with every group, until one has arrived, for any of them may be the first that does. */
  #owed: Meta | undefined;
  #trouble: SkerryError | undefined;
  /** Why no write will be accepted again in this process. */
  #over: SkerryError | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#revision = parts.revisions.last;
    this.#queue = new CommitQueue(parts.committer, (failure) => this.#settled(failure));
  }

  get revision(): number {
    return this.#revision;
  }

  /** Why the last commit failed, until one succeeds. */
  get trouble(): SkerryError | undefined {
    return this.#over ?? this.#trouble;
  }

  commit(writes: readonly Write[]): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#admit(writes);
      const changes = this.#decide(writes);
      for (const change of changes) if (change !== undefined) this.#pending.set(change.text, change.after);
      const real = changes.filter((change) => change !== undefined);
      const rows = real.flatMap(rowsOf);
      const reserved = this.#parts.revisions.reserve(rows.length > 0);
      this.#push(rows, reserved === undefined ? {} : { reserved }, bytesOf(real), reject, () => {
        this.#apply(real);
        const revision = real.at(-1)?.after.revision ?? this.#revision;
        resolve({ revision, objects: changes.map((change) => change?.after.object) });
      });
    });
  }

  /**
   * Makes durable what a start has to say. On a full disk that can wait for the first commit that goes through: reads go on, and no
   * revision is given before. Throws if writes will never work.
   */
  async begin(meta: Meta): Promise<void> {
    this.#begun = meta;
    this.#owed = meta;
    try {
      await this.remember({});
    } catch (error) {
      if (this.#over !== undefined) throw error;
    }
  }

  /** Makes facts about the database itself durable, in order with the commits. */
  remember(meta: Meta): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#admit([]);
      this.#push([], meta, 0, reject, resolve);
    });
  }

  /** Accepts nothing more, for this reason, and resolves when what was accepted has been settled. */
  close(why: SkerryError): Promise<void> {
    this.#over ??= why;
    return this.#queue.drained();
  }

  /** Throws if this can not be accepted now, whatever it says. */
  #admit(writes: readonly Write[]): void {
    if (this.#over !== undefined) throw this.#over;
    assert(writes.length <= COMMIT_WRITES_MAX, `a commit of ${writes.length} writes, more than ${COMMIT_WRITES_MAX}`);
    const { items, bytes } = this.#queue.waiting;
    if (items < WAITING_COMMITS_MAX && bytes < WAITING_BYTES_MAX) return;
    throw apiError('TooManyRequests', `the disk is slower than what is written: ${items} commits wait for it; try again later`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  /** Checks all before it decides any. */
  #decide(writes: readonly Write[]): readonly (Change | undefined)[] {
    const texts = writes.map(({ key }) => keyText(key));
    assert(new Set(texts).size === texts.length, `two writes of one key in a commit: ${texts.join(', ')}`);
    const present = writes.map((write, index) => {
      const found = this.#present(write.key, texts[index] ?? '');
      checkPrecondition(write, index, found);
      return found;
    });
    return writes.map((write, index) => this.#change(write, texts[index] ?? '', present[index]));
  }

  #present(key: Key, text: string): Pending | undefined {
    const pending = this.#pending.get(text);
    if (pending !== undefined) return pending.object === undefined ? undefined : pending;
    const row = this.#parts.table.get(key);
    return row === undefined ? undefined : pendingOf(row);
  }

  #change({ key, object, durable = true }: Write, text: string, present: Pending | undefined): Change | undefined {
    const hadRow = present?.durable === true;
    if (object === undefined) {
      if (present === undefined) return undefined;
      const after = { object: undefined, revision: this.#parts.revisions.next(), uid: present.uid, durable: false };
      return { key, text, after, json: '', hadRow };
    }
    const revision = this.#parts.revisions.next();
    const kept = atRevision(object, revision);
    const json = JSON.stringify(kept);
    if (json.length > OBJECT_BYTES_MAX)
      throw apiError('RequestEntityTooLarge', `store ${text}: it is ${json.length} bytes long, more than ${OBJECT_BYTES_MAX}`);
    const after = { object: this.#parts.freeze ? deepFreeze(kept) : kept, revision, uid: kept.metadata.uid ?? '', durable };
    return { key, text, after, json, hadRow };
  }

  #push(rows: readonly RowChange[], facts: Meta, bytes: number, reject: (error: unknown) => void, applied: () => void): void {
    const owes = this.#owed !== undefined;
    const meta = { ...this.#owed, ...facts };
    if (owes) this.#owed = meta;
    this.#queue.push({
      rows,
      meta,
      bytes,
      applied: () => {
        if (owes) this.#begun = undefined;
        if (this.#owed === meta) this.#owed = undefined;
        if (meta.reserved !== undefined) this.#parts.revisions.reserved(meta.reserved);
        applied();
      },
      failed: reject,
    });
  }

  #apply(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const { table, ring, watchers, encoded, clock } = this.#parts;
    const entries: Entry[] = [];
    let bytesReplaced = 0;
    for (const { key, text, after, json } of changes) {
      const before = table.get(key);
      const { object, revision, durable } = after;
      if (object === undefined) table.delete(key);
      else {
        table.put({ key, object, revision, durable, bytes: json.length, writtenMs: clock.monotonic() });
        encoded.keep(object, json);
      }
      if (before !== undefined) {
        encoded.forget(before.object);
        bytesReplaced += before.bytes;
      }
      if (this.#pending.get(text) === after) this.#pending.delete(text);
      entries.push({
        revision,
        key,
        ...(before === undefined ? {} : { before: before.object }),
        ...(object === undefined ? {} : { after: object }),
        ...(object === undefined && before !== undefined ? { deleted: atRevision(before.object, revision) } : {}),
      });
    }
    this.#revision = entries.at(-1)?.revision ?? this.#revision;
    ring.append(entries, bytesReplaced);
    watchers.wake();
  }

  /** A group has been to the disk. If it failed, everything that was on its way fails with it. */
  #settled(failure: unknown): SkerryError | undefined {
    if (failure === undefined) {
      this.#trouble = undefined;
      return undefined;
    }
    const { file, log, revisions } = this.#parts;
    revisions.failed();
    this.#pending.clear();
    this.#owed = this.#begun;
    const forGood = isForGood(failure);
    const error = unavailable(`the change could not be written to ${file}: ${advice(failure)}`, failure);
    this.#trouble = error;
    if (forGood) {
      this.#over = error;
      log.error({ err: failure, file }, 'database is unusable, no more writes are accepted');
    } else log.warn({ err: failure, file }, 'commit failed');
    return error;
  }
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** What the disk has to do for a change: also forget an object that from now on is kept in memory only. */
function rowsOf({ text, after, json, hadRow }: Change): readonly RowChange[] {
  const value = after.durable ? json : undefined;
  return value === undefined && !hadRow ? [] : [{ key: text, revision: after.revision, uid: after.uid, value }];
}

function pendingOf({ object, revision, durable }: Row): Pending {
  return { object, revision, uid: object.metadata.uid ?? '', durable };
}

function bytesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { json }) => sum + json.length, 0);
}

function unavailable(message: string, cause?: unknown): SkerryError {
  return apiError('ServiceUnavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS }, cause);
}

/** A database found corrupt is checked and set aside by the next start; a committer that keeps dying needs one, too. */
function isForGood(failure: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(failure)) || hasCode(failure, 'CommitterDied');
}

function sqliteCode(failure: unknown): string {
  const code = failure instanceof SkerryError ? failure.details['sqlite'] : undefined;
  return typeof code === 'string' ? code : '';
}

function advice(failure: unknown): string {
  const code = sqliteCode(failure);
  if (code === 'SQLITE_FULL')
    return 'the disk is full, or the database has reached its greatest size; make room, and writes go through again (SQLITE_FULL)';
  if (code.startsWith('SQLITE_READONLY')) return `the file system has become read-only; look at the disk (${code})`;
  if (code.startsWith('SQLITE_IOERR')) return `the disk reports an error; look at it before it fails for good (${code})`;
  if (isForGood(failure) && code !== '') return `the database is corrupt; restart the server, which sets it aside (${code})`;
  return explain(failure);
}
