import type { ClusterNetwork } from '#api/cluster-network.ts';
import type { KubeObject } from '#api/object.ts';
import { apiError } from '#api/status.ts';
import type { Clock } from '#lib/clock.ts';
import { hasCode, type SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { SchemaStep } from '#lib/schema-steps.ts';
import { WATCH_BACKLOG_MAX, type Storage } from '#rest/storage.ts';
import type { View } from '../view.ts';
import { inlineCommitter, type Committer } from './committer.ts';
import type { DatabaseOptions, Group, Meta } from './database.ts';
import { ENCODED_BYTES_MAX, Encoded } from './encoded.ts';
import { deepFreeze } from './freeze.ts';
import { createIncarnations, incarnationMeta, type Incarnation } from './incarnations.ts';
import type { FoundObject } from './look.ts';
import { storageOf, viewOf } from './reader.ts';
import { Revisions } from './revisions.ts';
import { RING_BYTES_MAX, RING_ENTRIES_MAX, Ring, type RingLimits } from './ring.ts';
import type { SetAside } from './set-aside.ts';
import { prepareStart, RESTORE_JUMP_REVISIONS, type Start } from './start.ts';
import { Table, type Row } from './table.ts';
import { Watchers } from './watchers.ts';
import { workerCommitter, type SpawnWorker } from './worker-committer.ts';
import { Writer } from './writer.ts';

/**
 * The server's store: one SQLite row per object, all of them parsed in memory, a bounded ring of changes for watches. This file only puts
 * the parts together and decides what a start means for revisions and for the incarnation; the rules of a commit are in writer.ts.
 */
export type StoreOptions = {
  /** The database, or ':memory:'. Its folder is made if it is missing. */
  readonly file: string;
  /** No server has been here before: its database can not be one that lost something. Look before the keys are made. */
  readonly firstStart: boolean;
  /** What the cluster is called if this start makes its database. */
  readonly clusterId?: string;
  /** What was asked for: kept if this start makes the database, else it must be what is kept. */
  readonly network?: Partial<ClusterNetwork>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'uuid' | 'random'>;
  readonly log: Log;
  /** Starts a thread that calls runCommitterWorker (./committer-worker.ts). Without it commits run inline and block. */
  readonly spawnWorker?: SpawnWorker;
  /** This release may yet be taken back: what the one before needs of the database stays. */
  readonly onTrial?: boolean;
  /** Another schema than this release's, for tests. */
  readonly steps?: readonly SchemaStep[];
  /** Freezes objects in depth, to find who changes one. */
  readonly freeze?: boolean;
  readonly limits?: Partial<RingLimits> & {
    readonly databaseBytesMax?: number;
    readonly encodedBytesMax?: number;
    readonly watchBacklogMax?: number;
  };
  /** Where disk faults are put in. */
  readonly wrapCommitter?: (committer: Committer) => Committer;
};

export type Store = {
  readonly storage: Storage;
  /** The committed state. Always the present one: consistent for as long as its user does not await. */
  readonly view: () => View;
  /** A stored object's JSON, cached. The bytes are shared: never write to them. */
  readonly encoded: (object: KubeObject) => Uint8Array;
  readonly clusterId: string;
  readonly network: ClusterNetwork;
  readonly incarnation: () => Incarnation;
  /** The database was found behind what an agent has seen: from now on it counts as another one, unconfirmed. */
  readonly newIncarnation: () => Promise<Incarnation>;
  /** An operator says that this database is the right one. */
  readonly confirm: () => Promise<Incarnation>;
  /** A database that was here at start and could not be used. */
  readonly setAside: SetAside | undefined;
  /** Why writes fail, if the last one did: for readiness. */
  readonly trouble: () => SkerryError | undefined;
  /** Writes a copy of the present state to a file that does not exist yet. */
  readonly backup: (file: string, signal: AbortSignal) => Promise<void>;
  /** Ends the watches, waits for what was accepted, marks the stop as clean. */
  readonly close: () => Promise<void>;
  /** Resolves once the committer has answered, whatever it answers: nothing is written. Rejects if its thread is dead for good. */
  readonly alive: () => Promise<void>;
};

const VACUUM_PERIOD_MS = 10 * 60_000;
/** Between two passes while there is more to give back. */
const VACUUM_PAUSE_MS = 1_000;

/** Throws SchemaTooNew, InUse, DiskFailed, or Usage for a network that is not the cluster's; a broken database is no reason to throw: see `setAside`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { clock, ids, log } = options;
  const start = prepareStart(options);
  const committer = await openCommitter(options);
  const openedMs = clock.monotonic();
  const state = createState(options, start, openedMs);
  const { table, ring, watchers, encoded, revisions } = state;
  const { file, freeze = false } = options;
  const writer = new Writer({ ...state, file, committer, clock, log, freeze });
  const remember = (meta: Meta) => writer.remember(meta);
  const incarnation: Incarnation = { ...start.incarnation, since: start.incarnation.since ?? revisions.last };
  try {
    await writer.begin({
      stop: 'running',
      cluster: start.clusterId,
      ...start.network,
      ...incarnationMeta(incarnation),
      ...reservation(revisions),
    });
  } catch (error) {
    await committer.close();
    throw error;
  }
  const leap = () => {
    revisions.leap(RESTORE_JUMP_REVISIONS);
    return { since: revisions.last, ...reservation(revisions) };
  };
  const incarnations = createIncarnations(incarnation, { remember, leap, ids });
  const stop = new AbortController();
  const vacuuming = startVacuuming(committer, options, stop.signal);
  const view = viewOf(table, writer, clock, openedMs);
  return {
    storage: storageOf(table, ring, watchers, writer),
    view: () => view,
    encoded: (object) => encoded.of(object),
    clusterId: start.clusterId,
    network: start.network,
    incarnation: incarnations.current,
    newIncarnation: incarnations.renew,
    confirm: incarnations.confirm,
    setAside: start.setAside,
    trouble: () => writer.trouble,
    backup: committer.backup,
    alive: () => committer.commit(NOTHING).catch(rethrowDeath),
    close: async () => {
      const stopping = apiError('ServiceUnavailable', 'the server is stopping');
      stop.abort();
      await Promise.all([writer.close(stopping), vacuuming.done]);
      watchers.endAll(stopping);
      try {
        await committer.close();
      } catch (error) {
        log.warn({ err: error, file }, 'stop could not be marked as clean, the next start will check the whole database');
      }
    },
  };
}

const NOTHING: Group = { rows: [], meta: {} };

function rethrowDeath(error: unknown): void {
  if (hasCode(error, 'CommitterDied', 'Closed')) throw error;
}

async function openCommitter({
  file,
  limits,
  onTrial = false,
  steps,
  spawnWorker,
  wrapCommitter,
  log,
}: StoreOptions): Promise<Committer> {
  const bytesMax = limits?.databaseBytesMax;
  const options: DatabaseOptions = {
    file,
    onTrial,
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(steps === undefined ? {} : { steps }),
  };
  const committer =
    spawnWorker === undefined ? inlineCommitter(options) : await workerCommitter(options, spawnWorker, log.child({ file }));
  return wrapCommitter?.(committer) ?? committer;
}

function createState({ limits = {}, freeze = false, log }: StoreOptions, start: Start, openedMs: number) {
  const revisions = new Revisions(start.reserved, start.jump);
  const { entriesMax = RING_ENTRIES_MAX, bytesMax = RING_BYTES_MAX, watchBacklogMax = WATCH_BACKLOG_MAX } = limits;
  const ring = new Ring(revisions.last, { entriesMax, bytesMax });
  const watchers = new Watchers({ ring, log, backlogMax: watchBacklogMax });
  const encoded = new Encoded(limits.encodedBytesMax ?? ENCODED_BYTES_MAX);
  const table = new Table();
  table.load(start.objects.map((found) => rowOf(found, openedMs, freeze)));
  return { revisions, ring, watchers, encoded, table };
}

/** Keys are `resource/namespace/name`; only a name may hold another `/`. */
function rowOf({ key, object, revision, bytes }: FoundObject, openedMs: number, freeze: boolean): Row {
  const [resource = '', namespace = '', ...name] = key.split('/');
  return {
    key: { resource, namespace, name: name.join('/') },
    object: freeze ? deepFreeze(object) : object,
    revision,
    durable: true,
    bytes,
    writtenMs: openedMs,
  };
}

function reservation(revisions: Revisions): Meta {
  const reserved = revisions.reserve(true);
  return reserved === undefined ? {} : { reserved };
}

function startVacuuming(committer: Committer, { file, clock, ids, log }: StoreOptions, signal: AbortSignal): Runner {
  return createRunner(
    {
      name: 'store-vacuum',
      keys: () => [file],
      periodMs: VACUUM_PERIOD_MS,
      run: async () => ((await committer.vacuum()) ? VACUUM_PAUSE_MS : undefined),
      clock,
      ids,
      log,
    },
    signal,
  );
}
