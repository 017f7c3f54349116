import { join } from 'node:path';
import { DEFAULT_NETWORK } from '../../src/api/cluster-network.ts';
import { builtinResources } from '../../src/api/kinds/builtin.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { createRegistry } from '../../src/api/registry.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Ids } from '../../src/lib/ids.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Api } from '../../src/rest/api.ts';
import type { Change } from '../../src/rest/change.ts';
import { builtinControllers } from '../../src/server/controllers/builtin.ts';
import { createFleet, type Fleet } from '../../src/server/fleet/fleet.ts';
import { startLoops, type Loops } from '../../src/server/loops.ts';
import type { Committer } from '../../src/server/store/committer.ts';
import { openStore, type Store } from '../../src/server/store/store.ts';
import { namespaceCompanions } from '../../src/server/controllers/namespace-defaults.ts';
import { ADMIN, createTestApi } from '../support/api-world.ts';
import { mortal } from '../support/fake-host.ts';
import { clusterKeys, clusterTokens } from '../support/link-documents.ts';
import { CLUSTER } from '../support/link-world.ts';
import type { LinkPair } from '../support/link-pair.ts';
import { copyDatabase, faultyCommitter, type Disk } from './disk.ts';
import type { Spoil } from './spoil.ts';

/**
 * One process of the server, composed as src/server/server.ts does it, without the port: the store on a disk with faults, the pipeline, the
 * loops, the fleet. It dies without a last word.
 */
export type SimServerOptions = {
  readonly folder: string;
  /** Of this process among all of them. */
  readonly serial: number;
  /** The database it starts from; undefined: there is none. */
  readonly database: string | undefined;
  readonly firstStart: boolean;
  readonly disk: Disk;
  readonly pair: LinkPair;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly spoil: Spoil;
  /** At a write; the database lies there. */
  readonly died: (file: string) => void;
};

export class SimServer {
  readonly store: Store;
  readonly file: string;
  readonly clock: Clock;
  readonly #api: Api;
  readonly #fleet: Fleet;
  readonly #loops: Loops;
  readonly #committer: () => Promise<void>;
  readonly #stop = new AbortController();
  readonly #life: { alive: boolean };

  /** Undefined where it died on the way. */
  static async start(options: SimServerOptions): Promise<SimServer | undefined> {
    const { folder, serial, database, firstStart, disk, clock, ids, log, spoil, died } = options;
    const file = join(folder, `server-${serial}.db`);
    if (database !== undefined) copyDatabase(database, file);
    spoil.database?.(file);
    const life = { alive: true };
    let inner: Committer | undefined;
    let dead: (store: undefined) => void = () => undefined;
    const death = new Promise<undefined>((resolve) => {
      dead = resolve;
    });
    const die = () => {
      disk.doom = undefined;
      life.alive = false;
      dead(undefined);
      died(file);
    };
    const opening = openStore({
      file,
      firstStart,
      clusterId: CLUSTER,
      clock,
      ids,
      log,
      freeze: true,
      wrapCommitter: (committer) => {
        inner = committer;
        const faulty = faultyCommitter({ disk, life, clock, file, die })(committer);
        return spoil.committer?.(faulty) ?? faulty;
      },
    });
    const store = await Promise.race([opening, death]);
    if (store === undefined) {
      // Its file may be torn under it.
      await inner?.close().catch(() => undefined);
      return undefined;
    }
    return new SimServer(options, store, file, life, async () => inner?.close());
  }

  private constructor(
    { pair, clock, ids, log }: SimServerOptions,
    store: Store,
    file: string,
    life: { alive: boolean },
    committer: () => Promise<void>,
  ) {
    this.store = store;
    this.file = file;
    this.clock = clock;
    this.#life = life;
    this.#committer = committer;
    const registry = createRegistry(builtinResources);
    this.#api = createTestApi(store, { companions: namespaceCompanions('PEM'), clock, ids, log });
    const { change } = this.#api;
    const controllers = builtinControllers({
      registry: () => registry,
      caBundle: 'PEM',
      apiServer: () => ({ address: '192.0.2.1', port: 6443 }),
    });
    const parts = { storage: store.storage, view: store.view, change, clock, ids, log };
    this.#fleet = createFleet({
      ...parts,
      cluster: CLUSTER,
      privateKey: clusterKeys.privateKey,
      network: DEFAULT_NETWORK,
      tokens: clusterTokens,
      transport: { ...pair.server, send: (...message) => (life.alive ? pair.server.send(...message) : 'offline') },
      incarnation: store.incarnation,
      newIncarnation: store.newIncarnation,
    });
    this.#loops = startLoops({ ...parts, controllers }, this.#stop.signal);
    this.#fleet.start();
    pair.faults.serverDown(false);
  }

  /** As an operator. Rejects with API errors; is never answered once the process is dead. */
  change(change: Change): Promise<KubeObject | undefined> {
    return mortal(this.#life, () => this.#api.change(change, ADMIN, this.#stop.signal));
  }

  /** As `POST /skerry.dev/v1/confirm`. */
  confirm(): Promise<void> {
    return mortal(this.#life, async () => {
      await this.store.confirm();
      this.#fleet.incarnationChanged();
    });
  }

  idle(): boolean {
    return this.#loops.idle();
  }

  /** What lies on the disk afterwards is what the next process finds. */
  kill(pair: LinkPair): void {
    this.#life.alive = false;
    pair.faults.serverDown(true);
    this.#stop.abort();
    void this.#fleet.stop();
  }

  /** Lets the file go, long after the process died. */
  async release(): Promise<void> {
    await this.#committer();
  }
}
