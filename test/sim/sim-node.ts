import { join } from 'node:path';
import { parseLan } from '../../src/api/kinds/node-lan.ts';
import { createAgentLink, type AgentLink } from '../../src/agent/link/agent-link.ts';
import type { NodeLedger } from '../../src/agent/ledger/link-ledger.ts';
import { openLedger } from '../../src/agent/ledger/node-ledger.ts';
import type { LedgerWriter } from '../../src/agent/ledger/writer.ts';
import { createNodeStatus, type NodeStatusLoop } from '../../src/agent/node-status.ts';
import { podItem } from '../../src/agent/plan/items.ts';
import type { ObservedContainer } from '../../src/agent/plan/observed.ts';
import { createPodLoop, type PodLoop } from '../../src/agent/pod-loop.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Ids } from '../../src/lib/ids.ts';
import type { Log } from '../../src/lib/log.ts';
import { createFakeHost, mortalLedger, type FakeHost } from '../support/fake-host.ts';
import { clusterKeys } from '../support/link-documents.ts';
import { CLUSTER, KEEPALIVE_MS } from '../support/link-world.ts';
import type { LinkPair } from '../support/link-pair.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { faultyLedgerWriter, healthyDisk, readDatabase, writeDatabase, type Disk } from './disk.ts';
import { EngineWatch } from './engine-watch.ts';
import { createServiceKeeper, type ServiceKeeper } from '../../src/agent/services/service-keeper.ts';
import type { PeerPath } from '../../src/agent/services/service-model.ts';
import type { History } from './history.ts';
import type { Spoil } from './spoil.ts';
import { Witness } from './witness.ts';
import { IMAGES, READY_PATH } from './workloads.ts';

/** A node: a host that lasts, and one process of the agent after the other on it, composed as src/agent/agent.ts does it. */
export type SimNodeOptions = {
  readonly name: string;
  readonly folder: string;
  readonly pair: LinkPair;
  readonly clock: ManualClock;
  readonly ids: Ids;
  readonly log: Log;
  /** As pinned at the join. */
  readonly incarnation: string;
  readonly history: History;
  readonly spoil: Spoil;
  readonly violated: (what: string) => void;
  readonly note: (what: string) => void;
  readonly died: (node: SimNode) => void;
};

const GIB = 1024 ** 3;
const MACHINE = {
  machineId: 'machine',
  systemUuid: 'machine',
  kernelVersion: '6.1.0',
  osImage: 'Sim Linux',
  cpus: 4,
  memoryBytes: 8 * GIB,
};
const READINGS = {
  memoryAvailableBytes: 4 * GIB,
  diskPath: '/var/lib/skerry',
  diskBytes: 32 * GIB,
  diskAvailableBytes: 16 * GIB,
  inodes: 1e6,
  inodesFree: 9e5,
  pids: 100,
  pidsMax: 32_768,
};

/** All are in one LAN. */
function lanOf(name: string): string {
  const last = 10 + Number(/\d+$/.exec(name)?.[0] ?? 0);
  return `192.0.2.${last}/24=52:54:00:00:00:${last.toString(16).padStart(2, '0')}`;
}

/** Calls to the engine that do something. */
const DEEDS = new Set(['createSandbox', 'createContainer', 'start', 'signalContainer', 'remove', 'pull']);

export class SimNode {
  readonly name: string;
  readonly host: FakeHost;
  readonly disk: Disk = healthyDisk();
  /** Addresses of pods that say of themselves that they are not ready. */
  readonly unready = new Set<string>();
  /** Of the node's wall clock against the world's. */
  wallOffsetMs = 0;
  ledger: NodeLedger | undefined;
  loop: PodLoop | undefined;
  link: AgentLink | undefined;
  status: NodeStatusLoop | undefined;
  services: ServiceKeeper | undefined;
  readonly #options: SimNodeOptions;
  readonly #clock: Clock;
  readonly #watch: EngineWatch;
  readonly #witness: Witness;
  /** To nodes to which it is not `found`. */
  readonly #paths = new Map<string, { readonly path: PeerPath; readonly sinceMs: number }>();
  #findAll = (): void => undefined;
  readonly #outdated = new Set<string>();
  /** When a pod was first in the document, by uid. */
  readonly #firstSeenMs = new Map<string, number>();
  /** Uids of pods of which somebody else has removed something. */
  readonly #tampered = new Set<string>();
  #isLedgerLost = false;
  #life = { alive: false };
  #writer: LedgerWriter | undefined;
  #boots = 1;
  #bootedMs = 0;

  constructor(options: SimNodeOptions) {
    const { clock, name } = options;
    this.name = name;
    this.#options = options;
    this.#clock = { ...clock, now: () => clock.now() + this.wallOffsetMs };
    this.host = createFakeHost(this.#clock, name);
    const { engine } = this.host;
    for (const image of IMAGES.slice(0, -1)) engine.addImage(image);
    this.setRegistry('present');
    this.host.answer = async (request) =>
      request.type === 'http' && request.path === READY_PATH && this.unready.has(request.host)
        ? { result: 'failure', message: 'not ready' }
        : { result: 'success' };
    this.#watch = new EngineWatch(this, options.history, options.violated);
    this.#witness = new Witness({
      node: name,
      host: this.host,
      clock,
      lostMs: (peer) => (this.#pathTo(peer) === 'none' ? this.#paths.get(peer)?.sinceMs : undefined),
      violated: options.violated,
    });
    engine.onCall = (call, when) => {
      if (when === 'before' || !DEEDS.has(call)) return;
      options.note(`${name}: ${call}`);
      this.#watch.check();
    };
  }

  setRegistry(state: 'present' | 'unreachable'): void {
    for (const image of IMAGES) this.host.engine.registry.set(image, state);
  }

  /** From now on, this is what it knows of the way to a peer. */
  setPath(peer: string, path: PeerPath): void {
    this.#paths.set(peer, { path, sinceMs: this.#clock.monotonic() });
    this.#findAll();
    this.#witness.recheckSoon();
  }

  #pathTo(peer: string): PeerPath {
    return this.#paths.get(peer)?.path ?? 'found';
  }

  /** Running containers of which the agent has been told, while they ran, to run them with another image. */
  outdated(): ReadonlySet<string> {
    const { ledger } = this;
    if (ledger === undefined) return this.#outdated;
    for (const { id, podUid, name, image, state } of this.host.engine.containers()) {
      const wanted = podItem(ledger.documents(), podUid)?.spec.containers.find((container) => container.name === name);
      if (state === 'running' && wanted !== undefined && wanted.image !== image) this.#outdated.add(id);
    }
    return this.#outdated;
  }

  /** This pod has run to its end, or out of its time: what is left of it may be stopped. */
  isOver(podUid: string): boolean {
    const spec = this.ledger === undefined ? undefined : podItem(this.ledger.documents(), podUid)?.spec;
    if (spec === undefined) return false;
    const { activeDeadlineSeconds, restartPolicy } = spec;
    const agedMs = this.#clock.monotonic() - (this.#firstSeenMs.get(podUid) ?? Infinity);
    // The agent counts in whole milliseconds.
    if (activeDeadlineSeconds !== undefined && agedMs + 1 >= activeDeadlineSeconds * 1_000) return true;
    const mine = this.host.engine.containers().filter((container) => container.podUid === podUid && container.name !== '');
    return restartPolicy !== 'Always' && mine.every(({ state }) => state !== 'running');
  }

  /** Somebody removes a container by hand; an engine that does not answer does not do it. */
  tamper({ id, podUid }: ObservedContainer): void {
    this.#tampered.add(podUid);
    this.host.engine
      .runtime(this.name)
      .remove(id, new AbortController().signal)
      .catch(() => undefined);
  }

  /** Neither its ledger nor its engine can tell of what this pod has done. */
  hasNoTrace(podUid: string): boolean {
    return this.#isLedgerLost && this.#tampered.has(podUid);
  }

  /** What must hold of it at any moment. */
  check(): void {
    this.#watch.check();
    this.#witness.look();
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  get file(): string {
    return join(this.#options.folder, `${this.name}.db`);
  }

  /** Resolves when it runs, or has died on the way. */
  async start(): Promise<void> {
    const { ids, log, pair, incarnation, spoil } = this.#options;
    const clock = this.#clock;
    const life = { alive: true };
    this.#life = life;
    let dead: (ledger: undefined) => void = () => undefined;
    const died = new Promise<undefined>((resolve) => {
      dead = resolve;
    });
    const die = () => {
      this.disk.doom = undefined;
      this.kill();
      dead(undefined);
      this.#options.died(this);
    };
    const openWriter = faultyLedgerWriter({ disk: this.disk, life, clock, die });
    const opening = openLedger({
      path: this.file,
      openWriter: async (file) => {
        const opened = await openWriter(file);
        // Killed meanwhile: the file is let go, as a process that dies does.
        if (life.alive) this.#writer = opened.writer;
        else await opened.writer.close();
        return opened;
      },
      joined: { cluster: CLUSTER, node: this.name, incarnation },
      clock,
      ids,
      log,
    });
    const ledger = await Promise.race([opening, died]);
    if (ledger === undefined || !life.alive) return;
    const look = () => {
      this.outdated();
      for (const { item } of ledger.documents().items.values())
        if (item.kind === 'Pod' && !this.#firstSeenMs.has(item.metadata.uid))
          this.#firstSeenMs.set(item.metadata.uid, clock.monotonic());
    };
    look();
    ledger.onDocuments(look);
    const nothing = () => undefined;
    const mine = mortalLedger(ledger, life, nothing, nothing, nothing);
    const watched = this.#watch.over(this.host.runtime(life), life);
    const runtime = this.#witness.over(spoil.runtime?.(watched, this) ?? watched);
    const bootId = `boot-${this.#boots}`;
    const loop = createPodLoop({
      ledger: mine,
      runtime,
      wiring: this.host.wiring(life),
      volumes: this.host.volumesOf(life),
      dial: this.#witness.overDialer(this.host.dialer(life)),
      clock,
      ids,
      log,
      boot: { id: bootId, uptimeMs: clock.monotonic() - this.#bootedMs },
      facts: () => ({
        nodeName: this.name,
        hostAddress: '192.0.2.1',
        allocatable: { cpuMilli: 4000, memoryBytes: 8e9, storageBytes: 1e10 },
      }),
    });
    const link = createAgentLink({
      transport: pair.agent(this.name),
      ledger,
      cluster: CLUSTER,
      node: this.name,
      publicKey: clusterKeys.publicKey,
      release: 'sim',
      bootId,
      keepaliveMs: KEEPALIVE_MS,
      onCommand: async () => null,
      clock,
      ids,
      log,
    });
    const status = createNodeStatus({
      nodeName: this.name,
      findAddress: async () => '192.0.2.1',
      addressChanged: loop.addressChanged,
      readLan: async () => parseLan(lanOf(this.name)),
      labels: {},
      caps: {},
      unknownKeys: [],
      takeReadings: async () => READINGS,
      release: 'sim',
      machine: { ...MACHINE, hostname: this.name, bootId, uptimeMs: 0 },
      ledger: mine,
      runtime,
      health: loop.health,
      noteEngine: loop.noteEngine,
      clock,
      ids,
      log,
    });
    const services = createServiceKeeper({
      node: this.name,
      ledger: mine,
      readiness: spoil.readiness?.(loop.readiness) ?? loop.readiness,
      rules: {
        ensure: async (table) => {
          if (life.alive) this.#witness.leads(table, { ledger, status: loop.readiness.status });
          return 'changed';
        },
      },
      healthChecks: { ensure: async () => [], listening: () => [], stop: () => undefined },
      address: '169.254.20.10',
      extras: async () => ({ redirects: [], untracked: [], api: { address: '169.254.20.10', port: 6444 } }),
      ownAddresses: () => [],
      listening: async () => new Set(),
      flushed: loop.lookAtNetwork,
      clock,
      ids,
      log,
    });
    const findAll = () => {
      const peers = [...ledger.documents().items.values()].flatMap(({ item }) =>
        item.kind === 'Peer' ? [item.metadata.name] : [],
      );
      services.setPaths(new Map(peers.map((peer) => [peer, spoil.path?.(this.#pathTo(peer)) ?? this.#pathTo(peer)] as const)));
    };
    this.#findAll = findAll;
    mine.onDocuments(findAll);
    loop.onHealth(status.look);
    Object.assign(this, { ledger, loop, link, status, services });
    findAll();
    services.start();
    loop.start();
    status.start();
    link.start();
  }

  /** kill -9. What lies on the disk then is what the next one finds. */
  kill(): void {
    const { loop, link, status, services } = this;
    const files = this.#writer === undefined ? undefined : readDatabase(this.file);
    this.#life.alive = false;
    this.#witness.agentDied();
    this.#findAll = () => undefined;
    void loop?.stop();
    void services?.stop();
    void status?.stop();
    void link?.stop();
    // Its file may be torn under it.
    this.#writer?.closeNow();
    if (files !== undefined) writeDatabase(this.file, files);
    Object.assign(this, { ledger: undefined, loop: undefined, link: undefined, status: undefined, services: undefined });
    this.#writer = undefined;
  }

  powerCut(): void {
    this.#options.pair.faults.vanish(this.name);
    this.kill();
    this.host.powerCut();
    this.#witness.powerCut();
    this.#boots += 1;
    this.#bootedMs = this.#clock.monotonic();
  }

  /** While no agent runs: the card has gone bad. */
  damageLedger(): void {
    this.#isLedgerLost = true;
    writeDatabase(this.file, { '': Buffer.alloc(8192, 7), '-wal': Buffer.alloc(0) });
  }
}
