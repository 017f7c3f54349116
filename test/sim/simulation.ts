import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Clock } from '../../src/lib/clock.ts';
import { explain, hasCode } from '../../src/lib/error.ts';
import { seededIds } from '../../src/lib/ids.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import { keyText, type Entry } from '../../src/rest/storage.ts';
import { createLinkPair } from '../support/link-pair.ts';
import { KEEPALIVE_MS } from '../support/link-world.ts';
import { manualClock } from '../support/manual-clock.ts';
import { chanceOf } from './chance.ts';
import { Client } from './client.ts';
import { differences } from './convergence.ts';
import { healthyDisk } from './disk.ts';
import { Faults } from './faults.ts';
import { History } from './history.ts';
import { SimNode } from './sim-node.ts';
import { SimServer } from './sim-server.ts';
import type { Spoil } from './spoil.ts';

/**
 * A cluster in one process, driven by one seed: server core, agent cores, a faulty network, faulty disks and clocks, an operator who writes. At
 * every step the invariants are checked; then the faults stop, and everything must converge. The same seed gives the same story.
 */
export type Outcome = {
  /** What broke, if anything did. */
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  /** Of the trace with all its details: two runs of one seed have the same. */
  readonly hash: string;
};

export type SimulationOptions = {
  readonly steps?: number;
  /** Traces every commit, every deed of an engine and what the parts log, too. */
  readonly verbose?: boolean;
  readonly spoil?: Spoil;
};

const STEPS = 60;
const STEP_MS_MAX = 4_000;
const CONVERGE_MS_MAX = 20 * 60_000;
const CONVERGE_STEP_MS = 5_000;
/** What is told late is told by then: images of nodes, conditions. */
const SETTLE_MS = 2 * 60_000;
/** Longer than whatever is done at intervals. */
const REST_MS = 6 * 60_000;
const NODES = ['node-a', 'node-b', 'node-c', 'node-d'] as const;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const world = new World(seed, options);
  try {
    await world.begin();
    await world.live(options.steps ?? STEPS);
    await world.converge();
  } catch (error) {
    world.violate(explain(error));
  } finally {
    await world.end();
  }
  return world.outcome();
}

export class World {
  readonly clock = manualClock();
  readonly trace: string[] = [];
  violation: string | undefined;
  server: SimServer | undefined;
  readonly nodes: SimNode[] = [];
  readonly history: History;
  readonly serverDisk = healthyDisk();
  /** Of the server's wall clock against the world's. */
  serverWallOffsetMs = 0;
  readonly pair;
  readonly client: Client;
  readonly #ids;
  readonly #chance;
  readonly #log: Log;
  readonly #verbose: boolean;
  readonly #spoil: Spoil;
  readonly #faults: Faults;
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'skerry-sim-'));
  readonly #servers: SimServer[] = [];
  readonly #hash = createHash('sha256');
  #serial = 0;
  /** Of durable writes. */
  #writes = 0;

  constructor(seed: number, { verbose = false, spoil = {} }: SimulationOptions) {
    this.#ids = seededIds(seed);
    this.#chance = chanceOf(seed ^ 0x5eed);
    this.#log = verbose ? traceLog((line) => this.trace.push(`      ${line}`)) : silentLog;
    this.#verbose = verbose;
    this.#spoil = spoil;
    this.pair = createLinkPair({ clock: this.clock, ids: this.#ids, keepaliveMs: KEEPALIVE_MS });
    const tell = (what: string) => this.tell(what);
    this.history = new History({ violated: (what) => this.violate(what), committed: (entry) => this.#committed(entry) });
    this.client = new Client(this.#chance, this.history, tell);
    this.#faults = new Faults(this, this.#chance, tell);
  }

  tell(what: string): void {
    this.trace.push(this.#timed(what));
  }

  /** A detail of the story. */
  note(what: string): void {
    const line = this.#timed(`    ${what}`);
    if (this.#verbose) this.trace.push(line);
  }

  #timed(what: string): string {
    const line = `${(this.clock.monotonic() / 1000).toFixed(3)} ${what}`;
    this.#hash.update(line);
    return line;
  }

  violate(what: string): void {
    this.violation ??= what;
    this.tell(`VIOLATION: ${what}`);
  }

  outcome(): Outcome {
    const { violation, trace } = this;
    return { violation, trace, hash: this.#hash.copy().digest('hex').slice(0, 16) };
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  async begin(): Promise<void> {
    this.pair.faults.delay(1, 40);
    this.startServer(undefined, true);
    await this.clock.advance(100);
    const id = this.server?.store.incarnation().id ?? '';
    for (const name of NODES.slice(0, this.#chance.between(2, NODES.length)))
      this.nodes.push(
        new SimNode({
          name,
          folder: this.#folder,
          pair: this.pair,
          clock: this.clock,
          ids: this.#ids,
          log: this.#log,
          incarnation: id,
          history: this.history,
          spoil: this.#spoil,
          violated: (what) => this.violate(what),
          note: (what) => this.note(what),
          died: (node) => this.#faults.died(node),
        }),
      );
    this.joinNodes();
    for (const node of this.nodes) this.startNode(node);
    await this.#pass(5_000);
  }

  async live(steps: number): Promise<void> {
    for (let step = 0; step < steps && this.violation === undefined; step += 1) {
      if (this.server !== undefined && this.#chance.happens(0.6)) this.client.act(this.server);
      if (this.#chance.happens(0.3)) this.#faults.strike();
      await this.#pass(this.#chance.between(50, STEP_MS_MAX));
    }
  }

  async converge(): Promise<void> {
    this.#faults.heal();
    this.#spoil.healed?.(this.nodes);
    const endMs = this.clock.monotonic() + CONVERGE_MS_MAX;
    for (;;) {
      await this.#pass(CONVERGE_STEP_MS);
      if (this.violation !== undefined) return;
      const left = differences(this);
      if (left.length === 0) break;
      if (this.clock.monotonic() > endMs) throw new Error(`did not converge: ${left.join('; ')}`);
    }
    this.tell('converged');
    await this.#rest();
  }

  /** Who is content does nothing. */
  async #rest(): Promise<void> {
    const deeds = () => this.nodes.reduce((sum, { host }) => sum + host.engine.starts.length, 0);
    await this.#pass(SETTLE_MS);
    const before = { writes: this.#writes, deeds: deeds() };
    await this.#pass(REST_MS);
    if (this.violation !== undefined) return;
    const left = differences(this);
    if (left.length > 0) throw new Error(`did not stay converged: ${left.join('; ')}`);
    if (deeds() !== before.deeds) throw new Error(`did not rest: ${deeds() - before.deeds} containers were started`);
    if (this.#writes !== before.writes) throw new Error(`did not rest: ${this.#writes - before.writes} writes were made`);
  }

  async #pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.#faults.pass();
    for (const node of this.nodes) node.check();
  }

  #committed({ revision, key, after }: Entry): void {
    this.note(`commit ${revision} ${keyText(key)}${after === undefined ? ' deleted' : ''}`);
    // Those of nodes live in memory.
    if (key.resource !== 'leases.coordination.k8s.io') this.#writes += 1;
  }

  /** A process that finds this database on its disk; it may take its time, or die on the way. */
  startServer(database: string | undefined, firstStart = false): void {
    const { pair } = this;
    const clock: Clock = { ...this.clock, now: () => this.clock.now() + this.serverWallOffsetMs };
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
      spoil: this.#spoil,
      died: (file) => this.#faults.serverDied(file),
    });
    starting.then(
      (server) => {
        if (server === undefined) return;
        this.server = server;
        this.#servers.push(server);
        this.history.opened(server.store);
        this.noteReleases();
        this.joinNodes();
        this.#spoil.server?.(server);
        this.tell('the server runs');
      },
      (error: unknown) => this.violate(`the server does not start: ${explain(error)}`),
    );
  }

  /** What a database does not have, or has elsewhere, is let go from the first moment that it counts. */
  noteReleases(): void {
    for (const { name, host } of this.nodes)
      for (const { podUid } of host.engine.containers()) this.history.isReleased(podUid, name);
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

function traceLog(write: (line: string) => void): Log {
  const serializers = { err: (error: unknown) => explain(error) };
  return pino({ level: 'debug', base: null, timestamp: false, serializers }, { write: (line) => write(line.trim()) });
}
