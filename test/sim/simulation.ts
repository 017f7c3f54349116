import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain, hasCode } from '../../src/lib/error.ts';
import { seededIds } from '../../src/lib/ids.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import { createLinkPair } from '../support/link-pair.ts';
import { KEEPALIVE_MS } from '../support/link-world.ts';
import { manualClock } from '../support/manual-clock.ts';
import { chanceOf } from './chance.ts';
import { Client } from './client.ts';
import { differences } from './convergence.ts';
import { copyDatabase, healthyDisk } from './disk.ts';
import { engineTroubles, watchEngine } from './engine-watch.ts';
import { Faults } from './faults.ts';
import { History } from './history.ts';
import { SimNode } from './sim-node.ts';
import { SimServer } from './sim-server.ts';

/**
 * A cluster in one process, driven by one seed: server core, agent cores, a faulty network, faulty disks and clocks, an operator who writes. At
 * every step the invariants are checked; then the faults stop, and everything must converge. The same seed gives the same story.
 */
export type Outcome = {
  /** What broke, if anything did. */
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  /** Of the trace: two runs of one seed have the same. */
  readonly hash: string;
};

export type SimulationOptions = {
  readonly steps?: number;
  readonly log?: Log;
  /** Spoils a part, to see that the invariants notice. */
  readonly sabotage?: (world: World) => void;
};

const STEPS = 60;
const STEP_MS_MAX = 4_000;
const CONVERGE_MS_MAX = 20 * 60_000;
const CONVERGE_STEP_MS = 5_000;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const world = new World(seed, options.log ?? silentLog);
  try {
    await world.begin();
    options.sabotage?.(world);
    await world.live(options.steps ?? STEPS);
    await world.converge();
  } catch (error) {
    world.violate(explain(error));
  } finally {
    await world.end();
  }
  const { trace, violation } = world;
  return { violation, trace, hash: createHash('sha256').update(trace.join('\n')).digest('hex').slice(0, 16) };
}

export class World {
  readonly clock = manualClock();
  readonly trace: string[] = [];
  violation: string | undefined;
  server: SimServer | undefined;
  readonly nodes: SimNode[] = [];
  readonly history = new History();
  readonly serverDisk = healthyDisk();
  readonly pair;
  readonly #ids;
  readonly #chance;
  readonly #log: Log;
  readonly #client: Client;
  readonly #faults: Faults;
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'skerry-sim-'));
  readonly #servers: SimServer[] = [];
  #serial = 0;

  constructor(seed: number, log: Log) {
    this.#ids = seededIds(seed);
    this.#chance = chanceOf(seed ^ 0x5eed);
    this.#log = log;
    this.pair = createLinkPair({ clock: this.clock, ids: this.#ids, keepaliveMs: KEEPALIVE_MS });
    const tell = (what: string) => this.tell(what);
    this.#client = new Client(this.#chance, this.history, tell);
    this.#faults = new Faults(this, this.#chance, tell);
  }

  tell(what: string): void {
    this.trace.push(`${(this.clock.monotonic() / 1000).toFixed(3)} ${what}`);
  }

  violate(what: string): void {
    this.violation ??= what;
    this.tell(`VIOLATION: ${what}`);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  async begin(): Promise<void> {
    this.pair.faults.delay(1, 40);
    this.startServer(undefined, true);
    await this.clock.advance(100);
    const id = this.server?.store.incarnation().id ?? '';
    for (const name of ['node-a', 'node-b', 'node-c'].slice(0, this.#chance.between(2, 3))) {
      const watch: ConstructorParameters<typeof SimNode>[0]['watch'] = (node, runtime, life) =>
        watchEngine(node, runtime, life, this.history, (what) => this.violate(what));
      const { clock, pair } = this;
      this.nodes.push(
        new SimNode({
          name,
          folder: this.#folder,
          pair,
          clock,
          ids: this.#ids,
          log: this.#log,
          incarnation: id,
          watch,
          died: (node) => this.#faults.died(node),
        }),
      );
    }
    this.joinNodes();
    for (const node of this.nodes) this.startNode(node);
    await this.#pass(5_000);
  }

  async live(steps: number): Promise<void> {
    for (let step = 0; step < steps && this.violation === undefined; step += 1) {
      if (this.server !== undefined && this.#chance.happens(0.6)) this.#client.act(this.server);
      if (this.#chance.happens(0.3)) this.#faults.strike();
      await this.#pass(this.#chance.between(50, STEP_MS_MAX));
    }
  }

  async converge(): Promise<void> {
    this.#faults.heal();
    const endMs = this.clock.monotonic() + CONVERGE_MS_MAX;
    for (;;) {
      await this.#pass(CONVERGE_STEP_MS);
      if (this.violation !== undefined) return;
      const left = differences(this);
      if (left.length === 0) return this.tell('converged');
      if (this.clock.monotonic() > endMs) throw new Error(`did not converge: ${left.join('; ')}`);
    }
  }

  async #pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.#faults.pass();
    for (const node of this.nodes) for (const trouble of engineTroubles(node, this.history)) this.violate(trouble);
    if (this.server !== undefined) this.history.checkPromises(this.server.store.view());
  }

  /** A process that finds this database on its disk; it may take its time, or die on the way. */
  startServer(database: string | undefined, firstStart = false): void {
    const { clock, pair } = this;
    this.#serial += 1;
    const starting = SimServer.start({
      folder: this.#folder,
      serial: this.#serial,
      database,
      firstStart,
      disk: this.serverDisk,
      pair,
      clock,
      ids: this.#ids,
      log: this.#log,
      died: (file) => this.#faults.serverDied(file),
    });
    starting.then(
      (server) => {
        if (server === undefined) return;
        this.server = server;
        this.#servers.push(server);
        this.history.opened(server.store);
        // What this database does not have, or has elsewhere, is let go from its first moment on.
        for (const { name, host } of this.nodes)
          for (const { podUid } of host.engine.containers()) this.history.isReleased(podUid, name);
        this.joinNodes();
        this.tell('the server runs');
      },
      (error: unknown) => this.violate(`the server does not start: ${explain(error)}`),
    );
  }

  /** Nothing where it runs already: several troubles may end with its start. */
  startNode(node: SimNode): void {
    if (node.alive) return;
    this.tell(`${node.name}: the agent starts`);
    node.start().catch((error: unknown) => {
      node.kill();
      // A new ledger needs room; its supervisor starts the agent again.
      if (hasCode(error, 'DiskFull')) this.#faults.died(node);
      else this.violate(`${node.name}: the agent does not start: ${explain(error)}`);
    });
  }

  /** Gives where its database lies. */
  killServer(): string {
    const { server } = this;
    if (server === undefined) throw new Error('there is no server to kill');
    this.server = undefined;
    server.kill(this.pair);
    return server.file;
  }

  backup(name: string): string {
    if (this.server === undefined) throw new Error('there is no server to copy');
    copyDatabase(this.server.file, this.path(name));
    return this.path(name);
  }

  /** As their joins, and joins anew, do it: a node that is not in the API is refused until it is. */
  joinNodes(): void {
    const { server, pair } = this;
    if (server === undefined) return;
    for (const { name } of this.nodes) {
      const isJoined = server.store.view().get('nodes', '', name) !== undefined;
      pair.faults.refuse(name, isJoined ? undefined : 'its key is not pinned');
      if (isJoined) continue;
      const metadata = { name, labels: { 'kubernetes.io/hostname': name } };
      const object = { apiVersion: 'v1', kind: 'Node', metadata, spec: {} };
      // Tried again with the next step.
      void server.change({ verb: 'create', resource: 'nodes', object }).catch(() => undefined);
    }
  }

  async end(): Promise<void> {
    for (const node of this.nodes) node.kill();
    this.server?.kill(this.pair);
    for (const server of this.#servers) await server.release().catch(() => undefined);
    rmSync(this.#folder, { recursive: true });
  }
}
