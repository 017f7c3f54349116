import { explain } from '../../src/lib/error.ts';
import type { Chance } from './chance.ts';
import { copyDatabase } from './disk.ts';
import type { Past } from './history.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './simulation.ts';

/** What goes wrong, and its end: every fault begins with a strike and is over after a while, or at the latest when all is healed. */
type Trouble = { readonly untilMs: number; readonly end: () => void };

const WEIGHTS = {
  cut: 4,
  blackHole: 3,
  drop: 2,
  slowNetwork: 2,
  killServer: 3,
  doomServer: 3,
  restoreBackup: 1,
  loseDatabase: 1,
  confirm: 1,
  backup: 2,
  serverDisk: 2,
  serverClock: 1,
  killAgent: 4,
  doomAgent: 3,
  powerCut: 3,
  engine: 3,
  registry: 1,
  exit: 6,
  unready: 8,
  path: 5,
  foreignHand: 2,
  nodeDisk: 2,
  damageLedger: 1,
  wallClock: 2,
} as const;

export class Faults {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #tell: (what: string) => void;
  #troubles: Trouble[] = [];
  #backups = 0;
  #backup: { readonly file: string; readonly past: Past } | undefined;

  constructor(world: World, chance: Chance, tell: (what: string) => void) {
    this.#world = world;
    this.#chance = chance;
    this.#tell = tell;
  }

  strike(): void {
    this.#strikes[this.#chance.weighted(WEIGHTS)]();
  }

  /** What has lasted long enough ends; what came back goes on. */
  pass(): void {
    const nowMs = this.#world.clock.monotonic();
    const over = this.#troubles.filter(({ untilMs }) => untilMs <= nowMs);
    this.#troubles = this.#troubles.filter((trouble) => !over.includes(trouble));
    for (const { end } of over) end();
    this.#world.joinNodes();
  }

  /** Everything that is wrong is put right, by the operator, too. */
  heal(): void {
    this.#tell('all faults end');
    const { pair, serverDisk, nodes } = this.#world;
    for (const { end } of this.#troubles.splice(0)) end();
    pair.faults.drop(0);
    pair.faults.delay(1, 40);
    Object.assign(serverDisk, { full: false, slowMs: 0, doom: undefined });
    for (const node of nodes) {
      pair.faults.heal(node.name);
      node.host.engine.fault = undefined;
      node.setRegistry('present');
      Object.assign(node.disk, { full: false, slowMs: 0, doom: undefined });
      if (!node.alive) this.#world.startNode(node);
    }
    // An incarnation may still be found behind: the operator confirms when it is.
    this.#confirmWhenAsked();
  }

  died(node: SimNode): void {
    this.#tell(`${node.name}: the agent died at a write, or for want of room`);
    this.#for(2_000, 20_000, () => this.#world.startNode(node));
  }

  serverDied(file: string): void {
    this.#tell('the server died at a write');
    if (this.#world.server !== undefined) this.#world.killServer();
    this.#restartLater(file);
  }

  readonly #strikes: Readonly<Record<keyof typeof WEIGHTS, () => void>> = {
    cut: () => {
      const { name } = this.#node();
      this.#tell(`${name}: link cut`);
      this.#world.pair.faults.cut(name);
    },
    blackHole: () => {
      const { name } = this.#node();
      const { faults } = this.#world.pair;
      this.#tell(`${name}: black hole`);
      faults.blackHole(name);
      this.#for(1_000, 120_000, () => faults.heal(name));
    },
    drop: () => {
      const { faults } = this.#world.pair;
      this.#tell('messages are lost');
      faults.drop(this.#chance.between(1, 30) / 100);
      this.#for(5_000, 30_000, () => faults.drop(0));
    },
    slowNetwork: () => {
      const { faults } = this.#world.pair;
      this.#tell('the network is slow');
      faults.delay(200, 3_000);
      this.#for(5_000, 30_000, () => faults.delay(1, 40));
    },
    killServer: () => {
      if (this.#world.server === undefined) return;
      this.#tell('server killed');
      this.#restartLater(this.#world.killServer());
    },
    doomServer: () => {
      this.#world.serverDisk.doom = this.#doom();
    },
    backup: () => this.#backUp(),
    restoreBackup: () => {
      if (this.#world.server === undefined || this.#backup === undefined) return;
      const { file, past } = this.#backup;
      this.#world.killServer();
      this.#tell('an old backup is restored');
      this.#restartLater(file, past);
    },
    loseDatabase: () => {
      if (this.#world.server === undefined) return;
      this.#world.killServer();
      this.#tell('the database is lost');
      this.#restartLater(undefined, { acknowledged: new Map() });
    },
    confirm: () => this.#confirm(),
    serverDisk: () => {
      const { serverDisk } = this.#world;
      const full = this.#chance.happens(0.5);
      this.#tell(`the server's disk is ${full ? 'full' : 'slow'}`);
      Object.assign(serverDisk, full ? { full } : { slowMs: this.#chance.between(50, 2_000) });
      this.#for(2_000, 20_000, () => void Object.assign(serverDisk, { full: false, slowMs: 0 }));
    },
    killAgent: () => {
      const node = this.#node();
      if (!node.alive) return;
      this.#tell(`${node.name}: agent killed`);
      node.kill();
      this.#for(500, 30_000, () => this.#world.startNode(node));
    },
    doomAgent: () => {
      this.#node().disk.doom = this.#doom();
    },
    powerCut: () => {
      const node = this.#node();
      if (!node.alive) return;
      this.#tell(`${node.name}: power cut`);
      node.powerCut();
      this.#for(1_000, 60_000, () => this.#world.startNode(node));
    },
    engine: () => {
      const { name, host } = this.#node();
      const type = this.#chance.oneOf(['absent', 'hang', 'slow'] as const);
      this.#tell(`${name}: engine ${type}`);
      host.engine.fault = type === 'slow' ? { type, delayMs: this.#chance.between(100, 5_000) } : { type };
      this.#for(1_000, 60_000, () => {
        host.engine.fault = undefined;
      });
    },
    registry: () => {
      const node = this.#node();
      this.#tell(`${node.name}: the registry can not be reached`);
      node.setRegistry('unreachable');
      this.#for(5_000, 60_000, () => node.setRegistry('present'));
    },
    exit: () => {
      const { name, host } = this.#node();
      const running = host.engine.containers().filter(({ state }) => state === 'running');
      if (running.length === 0) return;
      const { podName, name: container, id } = this.#chance.oneOf(running);
      this.#tell(`${name}: ${container === '' ? 'the sandbox' : container} of ${podName} ends`);
      host.engine.exit(id, this.#chance.between(0, 1));
      // It is at work, and others wait: deaths are heard of before they can be looked at.
      if (host.engine.fault !== undefined || this.#chance.happens(0.5)) return;
      host.engine.fault = { type: 'slow', delayMs: this.#chance.between(500, 3_000) };
      this.#for(2_000, 10_000, () => {
        host.engine.fault = undefined;
      });
    },
    unready: () => {
      const { name, host, unready } = this.#node();
      const pods = [...host.wired.values()].map(({ address }) => address);
      this.#tell(`${name}: its pods are not ready`);
      for (const address of pods) unready.add(address);
      this.#for(3_000, 30_000, () => pods.forEach((address) => unready.delete(address)));
    },
    path: () => {
      const peer = this.#node();
      const others = this.#world.nodes.filter((node) => node !== peer);
      const lost = this.#chance.happens(0.5) ? others : [this.#chance.oneOf(others)];
      const path = this.#chance.weighted({ none: 3, unknown: 1 });
      this.#tell(`${lost.map(({ name }) => name).join(', ')}: the path to ${peer.name} is ${path}`);
      for (const node of lost) node.setPath(peer.name, path);
      this.#for(5_000, 60_000, () => lost.forEach((node) => node.setPath(peer.name, 'found')));
    },
    foreignHand: () => {
      const node = this.#node();
      const containers = node.host.engine.containers();
      if (containers.length === 0) return;
      const container = this.#chance.oneOf(containers);
      this.#tell(
        `${node.name}: somebody removes ${container.name === '' ? 'the sandbox' : container.name} of ${container.podName}`,
      );
      node.tamper(container);
    },
    nodeDisk: () => {
      const { name, disk } = this.#node();
      const full = this.#chance.happens(0.5);
      this.#tell(`${name}: the disk is ${full ? 'full' : 'slow'}`);
      Object.assign(disk, full ? { full } : { slowMs: this.#chance.between(50, 2_000) });
      this.#for(2_000, 20_000, () => void Object.assign(disk, { full: false, slowMs: 0 }));
    },
    damageLedger: () => {
      const node = this.#node();
      if (!node.alive) return;
      this.#tell(`${node.name}: agent killed, its ledger damaged`);
      node.kill();
      node.damageLedger();
      this.#for(500, 10_000, () => this.#world.startNode(node));
    },
    serverClock: () => {
      this.#world.serverWallOffsetMs = this.#chance.between(-400 * 86_400, 400 * 86_400) * 1_000;
      this.#tell("the server's wall clock jumps");
    },
    wallClock: () => {
      const node = this.#node();
      node.wallOffsetMs = this.#chance.between(-400 * 86_400, 400 * 86_400) * 1_000;
      this.#tell(`${node.name}: the wall clock jumps`);
    },
  };

  /** By the server itself, or by somebody who copies the files. */
  #backUp(): void {
    const { server, history } = this.#world;
    if (server === undefined) return;
    this.#backups += 1;
    const file = this.#world.path(`backup-${this.#backups}.db`);
    const past = history.past();
    if (this.#chance.happens(0.5)) {
      copyDatabase(server.file, file);
      this.#backup = { file, past };
      this.#tell('the files are copied');
      return;
    }
    this.#tell('a backup is begun');
    server.store.backup(file, new AbortController().signal).then(
      () => {
        this.#backup = { file, past };
        this.#tell('the backup is taken');
      },
      (error: unknown) => this.#tell(`the backup failed: ${explain(error)}`),
    );
  }

  /** How much of the next write comes to the disk. */
  #doom(): number {
    return this.#chance.oneOf([0, 1, this.#chance.between(1, 99) / 100]);
  }

  #restartLater(database: string | undefined, past?: Past): void {
    this.#for(1_000, 20_000, () => {
      if (past !== undefined) this.#world.history.restored(past);
      this.#world.startServer(database);
    });
  }

  #confirm(): void {
    const { server, history } = this.#world;
    if (server === undefined || server.store.incarnation().confirmed) return;
    this.#tell('the operator confirms the database');
    // From now on it counts; the call may end without a word.
    history.confirmed();
    this.#world.noteReleases();
    void server.confirm().catch(() => undefined);
  }

  #makeRoom(): void {
    const { server, client } = this.#world;
    if (server !== undefined) client.makeRoom(server);
  }

  #confirmWhenAsked(): void {
    this.#makeRoom();
    this.#confirm();
    this.#troubles.push({
      untilMs: this.#world.clock.monotonic() + 1,
      end: () => this.#confirmWhenAsked(),
    });
  }

  #for(minMs: number, maxMs: number, end: () => void): void {
    this.#troubles.push({ untilMs: this.#world.clock.monotonic() + this.#chance.between(minMs, maxMs), end });
  }

  #node(): SimNode {
    return this.#chance.oneOf(this.#world.nodes);
  }
}
