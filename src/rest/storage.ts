import type { KubeObject } from '#api/object.ts';

/**
 * What the pipeline asks of a store. The server's (src/server/store) keeps one row per object; the agent's offline one comes later.
 * Invariants:
 *  - reads and watches see committed state only; a commit is all or nothing;
 *  - a revision is a positive integer, given to one write only, for ever; it is the object's metadata.resourceVersion;
 *  - lists and bookmarks name only the last revision of a commit;
 *  - objects are immutable: who has one may keep it.
 */
export type Storage = {
  readonly get: (key: Key) => Promise<KubeObject | undefined>;
  readonly list: (query: ListQuery) => Promise<ListResult>;
  /**
   * News after `revision`, each commit as one batch, in order, on a later turn of the loop. Throws Expired if the ring no
   * longer reaches back to `revision`, or it is from before this process, TooManyRequests beyond WATCHERS_MAX. `stop` ends it. A watcher that falls behind WATCH_BACKLOG_MAX entries is ended with `ended`.
   */
  readonly watch: (revision: number, watcher: Watcher) => Watch;
  /**
   * Rejects with Conflict, AlreadyExists or NotFound (code; the failed write's index in `details.index`) without any effect if a
   * precondition fails, with ServiceUnavailable if the disk does. No two writes of a commit may be of one key. A delete without
   * `expect` of what is not there does nothing. One without writes resolves when all that was queued before it is committed.
   */
  readonly commit: (writes: readonly Write[]) => Promise<Committed>;
  /** The last committed revision. */
  readonly revision: () => number;
};

/** `resource` is Resource.id; `namespace` is '' for cluster-scoped objects. */
export type Key = { readonly resource: string; readonly namespace: string; readonly name: string };

export type ListQuery = {
  readonly resource: string;
  /** undefined: all namespaces. */
  readonly namespace?: string | undefined;
  /** Only keys after this one, in the order namespace, then name; for `continue`. */
  readonly after?: { readonly namespace: string; readonly name: string } | undefined;
  /** The state as it was at this revision, rebuilt from the ring; throws Expired if it no longer reaches back. Default: now. */
  readonly revision?: number | undefined;
};

/** Sorted by namespace, then name. */
export type ListResult = { readonly revision: number; readonly items: readonly KubeObject[] };

export type Watcher = {
  /** Only entries of this resource; undefined: of all. A watcher that names it can also come back later than one of all resources. */
  readonly resource?: string;
  /** A promise holds back the next batch until it resolves: that is how a watcher with a slow client falls behind. */
  readonly batch: (entries: readonly Entry[]) => void | Promise<void>;
  readonly ended: (why: Error) => void;
};

/** Entries that a watcher may be behind before it is ended. */
export const WATCH_BACKLOG_MAX = 10_000;
/** Watchers at once. */
export const WATCHERS_MAX = 10_000;

export type Watch = {
  readonly stop: () => void;
  /** Everything up to this revision has been given, or is of no concern to this watcher. */
  readonly seen: () => number;
};

/** One write of a commit, as seen by watchers and undone for old lists. Both absent never happens. */
export type Entry = {
  readonly revision: number;
  readonly key: Key;
  readonly before?: KubeObject;
  /** Absent: deleted. */
  readonly after?: KubeObject;
  /** Of a deletion: `before` with the deletion's revision, as watchers are told of it. One object for all of them. */
  readonly deleted?: KubeObject;
};

/**
 * `object: undefined` deletes. Without `expect` the write is unconditional. The store sets metadata.resourceVersion on what it keeps.
 */
export type Write = {
  readonly key: Key;
  readonly object: KubeObject | undefined;
  readonly expect?: Expectation;
  /** false: never reaches the disk. Default true. */
  readonly durable?: boolean;
};

export type Expectation =
  | { readonly absent: true }
  | { readonly absent?: false; readonly revision?: number; readonly uid?: string };

/** `objects[i]` is what write i left: with its resourceVersion, or undefined for a delete. */
export type Committed = { readonly revision: number; readonly objects: readonly (KubeObject | undefined)[] };

export const keyText = (key: Key): string => `${key.resource}/${key.namespace}/${key.name}`;
