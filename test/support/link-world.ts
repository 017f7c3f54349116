import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../../src/api/link/statement.ts';
import type { EventReport, Report } from '../../src/api/link/reports.ts';
import { DEFAULT_NETWORK } from '../../src/api/cluster-network.ts';
import { builtinResources } from '../../src/api/kinds/builtin.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { createRegistry } from '../../src/api/registry.ts';
import { loadBuiltinSchema } from '../../src/api/schema/builtin.ts';
import { apiError } from '../../src/api/status.ts';
import { createAgentLink, type AgentLink } from '../../src/agent/link/agent-link.ts';
import type { CommandHandler } from '../../src/agent/link/command-desk.ts';
import { testLedgerWriter } from './ledger-writer.ts';
import type { NodeLedger } from '../../src/agent/ledger/link-ledger.ts';
import { REPORT_WAIT_MS, openLedger } from '../../src/agent/ledger/node-ledger.ts';
import type { OpenLedgerWriter } from '../../src/agent/ledger/writer.ts';
import { SkerryError } from '../../src/lib/error.ts';
import { seededIds, type Ids } from '../../src/lib/ids.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import { createApi } from '../../src/rest/api.ts';
import { createAuthorizer } from '../../src/server/auth/authorizer.ts';
import type { Carrier } from '../../src/server/carry-out.ts';
import { createFleet, type Fleet } from '../../src/server/fleet/fleet.ts';
import { openStore, type Store } from '../../src/server/store/store.ts';
import { clusterKeys, clusterTokens } from './link-documents.ts';
import { createLinkPair, type LinkPair } from './link-pair.ts';
import { wantedIndex } from './wanted-index.ts';
import { manualClock, type ManualClock } from './manual-clock.ts';

/**
 * Both ends of the link over the faulty pair, with a real store and real ledgers on a disk in memory where there is one. Server and agents
 * can be stopped, killed and started again; what they had promised must hold.
 */
export const CLUSTER = 'c';
export const KEEPALIVE_MS = 30_000;

export class LinkWorld {
  readonly clock: ManualClock = manualClock();
  readonly ids: Ids;
  readonly pair: LinkPair;
  readonly folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'link-world-'));
  readonly schema = loadBuiltinSchema();
  readonly agents: readonly WorldAgent[];
  server: WorldServer | undefined;
  /** What the pipeline was asked, as short words: `patch pods/status web-1`. */
  readonly asked: string[] = [];
  /** Called before each change; what it throws is how the pipeline answers. */
  beforeChange: (words: string) => void = () => undefined;
  log: Log = silentLog;

  constructor(seed: number, nodes: readonly string[], keepaliveMs = KEEPALIVE_MS) {
    this.ids = seededIds(seed);
    this.pair = createLinkPair({ clock: this.clock, ids: this.ids, keepaliveMs });
    this.agents = nodes.map((node, index) => new WorldAgent(this, node, keepaliveMs, index));
  }

  get databaseFile(): string {
    return join(this.folder, 'server.db');
  }

  get store(): Store {
    if (this.server === undefined) throw new Error('the server is down');
    return this.server.store;
  }

  async startServer(firstStart = false): Promise<WorldServer> {
    const store = await openStore({
      file: this.databaseFile,
      firstStart,
      clusterId: CLUSTER,
      clock: this.clock,
      ids: this.ids,
      log: this.log,
      freeze: true,
    });
    const server = new WorldServer(this, store);
    this.server = server;
    server.fleet.start();
    this.pair.faults.serverDown(false);
    return server;
  }

  /** The process is gone: what it had begun and not committed never happens. */
  async killServer(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    server.alive = false;
    this.pair.faults.serverDown(true);
    await server.fleet.stop();
    await server.store.close();
  }

  copyDatabase(name: string): void {
    cpSync(this.databaseFile, join(this.folder, name));
    for (const more of ['-wal', '-shm']) {
      rmSync(join(this.folder, name + more), { force: true });
      if (existsSync(this.databaseFile + more)) cpSync(this.databaseFile + more, join(this.folder, name + more));
    }
  }

  restoreDatabase(name: string): void {
    for (const more of ['', '-wal', '-shm']) {
      rmSync(this.databaseFile + more, { force: true });
      if (existsSync(join(this.folder, name + more))) cpSync(join(this.folder, name + more), this.databaseFile + more);
    }
  }

  async put(resource: string, object: KubeObject): Promise<void> {
    const { namespace = '', name = '' } = object.metadata;
    await this.store.storage.commit([{ key: { resource, namespace, name }, object }]);
  }

  async remove(resource: string, namespace: string, name: string): Promise<void> {
    await this.store.storage.commit([{ key: { resource, namespace, name }, object: undefined }]);
  }

  async addPod(node: string, name: string, uid = `uid-${name}`, more: object = {}): Promise<void> {
    await this.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name, uid, creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: name } },
      spec: { nodeName: node, containers: [{ name: 'a', image: 'busybox' }], ...more },
      status: { phase: 'Pending' },
    });
  }

  pod(name: string): KubeObject | undefined {
    return this.store.view().get('pods', 'default', name);
  }

  /** The index a node should hold by now. */
  wanted(node: string): ReadonlyMap<string, string> {
    return wantedIndex(this.store.view(), node, this.clock.now());
  }

  isInLine(agent: WorldAgent): boolean {
    const held = agent.ledger?.held();
    return (
      held !== undefined &&
      held.signed.statement.incarnation === this.store.incarnation().id &&
      digestOf(held.index) === digestOf(this.wanted(agent.node))
    );
  }

  /** Lets time pass until it is so, at most this long. */
  async until(what: string, isSo: () => boolean, withinMs = 20 * 60_000): Promise<void> {
    const endMs = this.clock.monotonic() + withinMs;
    while (!isSo()) {
      if (this.clock.monotonic() > endMs) throw new Error(`it never came to this: ${what}`);
      await this.clock.advance(500);
    }
  }

  async end(): Promise<void> {
    for (const agent of this.agents) await agent.kill();
    await this.killServer();
    rmSync(this.folder, { recursive: true });
  }
}

export class WorldServer {
  readonly store: Store;
  readonly fleet: Fleet;
  alive = true;
  /** Dies right after so many changes, before it can write down that they were made. */
  changesLeft = Number.POSITIVE_INFINITY;

  constructor(world: LinkWorld, store: Store) {
    this.store = store;
    const dead = () => apiError('ServiceUnavailable', 'the server is dead');
    const change = carrierOf(world, store);
    this.fleet = createFleet({
      cluster: CLUSTER,
      privateKey: clusterKeys.privateKey,
      network: DEFAULT_NETWORK,
      tokens: clusterTokens,
      transport: world.pair.server,
      storage: {
        ...store.storage,
        commit: async (writes) => {
          if (!this.alive) throw dead();
          return await store.storage.commit(writes);
        },
      },
      view: store.view,
      change: async (each, author, signal) => {
        if (!this.alive) throw dead();
        const done = await change(each, author, signal);
        this.changesLeft -= 1;
        if (this.changesLeft <= 0) this.alive = false;
        return done;
      },
      incarnation: store.incarnation,
      newIncarnation: store.newIncarnation,
      clock: world.clock,
      ids: world.ids,
      log: world.log,
    });
  }
}

export class WorldAgent {
  readonly node: string;
  readonly keepaliveMs: number;
  readonly index: number;
  ledger: NodeLedger | undefined;
  link: AgentLink | undefined;
  onCommand: CommandHandler = async () => null;
  incarnation = '';
  private readonly world: LinkWorld;
  private life = { alive: false };

  /** `index`: of its machine; two of them may go by one name. */
  constructor(world: LinkWorld, node: string, keepaliveMs: number, index: number) {
    this.world = world;
    this.node = node;
    this.keepaliveMs = keepaliveMs;
    this.index = index;
  }

  get file(): string {
    return join(this.world.folder, `${this.node}-${this.index}.db`);
  }

  /** Joined under the incarnation of the server's first start. */
  async start(): Promise<void> {
    const { clock, ids, log, pair } = this.world;
    if (this.incarnation === '') this.incarnation = this.world.store.incarnation().id;
    const life = { alive: true };
    this.life = life;
    const ledger = await openLedger({
      path: this.file,
      openWriter: mortalWriter(life),
      joined: { cluster: CLUSTER, node: this.node, incarnation: this.incarnation },
      clock,
      ids,
      log,
    });
    this.ledger = ledger;
    this.link = createAgentLink({
      transport: pair.agent(this.node),
      ledger,
      cluster: CLUSTER,
      node: this.node,
      publicKey: clusterKeys.publicKey,
      release: '0.1.0',
      bootId: 'boot',
      keepaliveMs: this.keepaliveMs,
      onCommand: (command, signal) => this.onCommand(command, signal),
      clock,
      ids,
      log,
    });
    this.link.start();
  }

  /** kill -9: what was not on the disk is gone. */
  async kill(): Promise<void> {
    const { ledger, link } = this;
    this.life.alive = false;
    this.ledger = undefined;
    this.link = undefined;
    await link?.stop();
    await ledger?.close();
  }

  /** False if the ledger did not promise it. */
  async report(...reports: readonly Report[]): Promise<boolean> {
    const { ledger } = this;
    if (ledger === undefined) return false;
    const promised = ledger.commit([], reports).then(
      () => true,
      () => false,
    );
    await this.world.clock.advance(REPORT_WAIT_MS);
    return await promised;
  }
}

export const eventReport = (node: string, message: string): EventReport => ({
  involved: { kind: 'Node', name: node },
  type: 'Normal',
  reason: 'Counted',
  message,
  time: '2026-01-01T00:00:00Z',
  count: 1,
});

function mortalWriter(life: { readonly alive: boolean }): OpenLedgerWriter {
  return async (file) => {
    const opened = await testLedgerWriter()(file);
    const write: typeof opened.writer.write = async (ops) => {
      if (!life.alive) throw new SkerryError('LedgerFailed', 'the agent is dead');
      await opened.writer.write(ops);
    };
    return { ...opened, writer: { ...opened.writer, write } };
  };
}

/** The real pipeline without admission; tests look over its shoulder. */
function carrierOf(world: LinkWorld, { storage, view }: Store): Carrier {
  const authorizer = createAuthorizer(view);
  const registry = createRegistry(builtinResources);
  const api = createApi({
    registry: () => registry,
    schema: world.schema,
    storage,
    admissions: [],
    authorize: async (user, target) => authorizer.decide(user, target),
    connectors: {},
    computed: {},
    paths: {},
    clock: world.clock,
    ids: world.ids,
    log: world.log,
    release: 'test',
    readiness: () => ({}),
  });
  return async (change, author, signal) => {
    const subresource = 'subresource' in change ? `/${change.subresource}` : '';
    const name = 'name' in change ? change.name : (change.object.metadata.name ?? '');
    const words = `${change.verb} ${'resource' in change ? change.resource : 'pods'}${subresource} ${name}`;
    world.beforeChange(words);
    world.asked.push(words);
    return await api.change(change, author, signal);
  };
}
