import { createPublicKey, type KeyObject } from 'node:crypto';
import type { ClusterNetwork } from '#api/cluster-network.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { CODECS } from '#api/link/frame.ts';
import { decodeUp, encodeDown, type ReceivedUp } from '#api/link/message-codec.ts';
import { PROTOCOL, type DownMessage } from '#api/link/messages.ts';
import { signCommand } from '#api/link/statement.ts';
import type { Json } from '#api/object.ts';
import type { Storage } from '#rest/storage.ts';
import type { SendResult, ServerTransport } from '#net/link/transport.ts';
import type { Carrier } from '../carry-out.ts';
import type { TokenKey } from '../auth/service-account-token.ts';
import type { View } from '../view.ts';
import { CloneWatch } from './clone-watch.ts';
import { bringDown, type DocumentDeskOptions } from './document-desk.ts';
import { DocumentWatch, type Outdated } from './document-watch.ts';
import { EventDesk } from './event-desk.ts';
import { isGivenUp, renewMs } from './heartbeat.ts';
import { IncarnationGuard, type Incarnation } from './incarnation-guard.ts';
import { ItemEncoder } from './item-encoder.ts';
import { createPeer, type CommandResult, type Peer } from './peer.ts';
import { Pulls } from './pulls.ts';
import { Receipts } from './receipts.ts';
import { ReferenceIndex } from './reference-index.ts';
import { SharedItems } from './shared/shared-items.ts';
import { takeMail, type MailDeskOptions } from './mail-desk.ts';
import { keepAlive } from './pulse-desk.ts';

/**
 * The server's end of the link: for each node its document down, its outbox up, its Lease renewed while it is heard. This file wires
 * transport, store and the three loops; what is done for one node stands in document-desk.ts, mail-desk.ts and pulse-desk.ts.
 */
export type FleetOptions = {
  readonly cluster: string;
  /** The cluster's signing key; its public half is pinned on every node. */
  readonly privateKey: KeyObject;
  /** What every node is told; its clusterCIDR is part of each node's own item, too. */
  readonly network: ClusterNetwork;
  /** Service accounts' tokens, which are part of the documents of the nodes that have their pods. */
  readonly tokens: { readonly key: TokenKey; readonly issuer: string };
  readonly transport: ServerTransport;
  readonly storage: Storage;
  readonly view: () => View;
  readonly change: Carrier;
  readonly incarnation: () => Incarnation;
  readonly newIncarnation: () => Promise<unknown>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
};

export type Fleet = {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly statusOf: (node: string) => NodeLinkStatus;
  /** Nothing is kept for a node that is not there. The result comes by onCommandResult under this id. */
  readonly sendCommand: (node: string, kind: string, body: Json, id?: string) => SendResult;
  readonly onCommandResult: (listener: (node: string, result: CommandResult) => void) => () => void;
  /** The incarnation was confirmed or renewed: tell all nodes. */
  readonly incarnationChanged: () => void;
  /** Another machine has the name by now, or none: what the one before said and has not been dealt with is not heard any more. */
  readonly keyChanged: (node: string) => void;
};

export type NodeLinkStatus = {
  readonly connected: boolean;
  /** Milliseconds since anything was heard; undefined: not since this server started. */
  readonly lastSeenMs: number | undefined;
  /** Of the document it holds, as far as known. */
  readonly ackRev: number | undefined;
  readonly upToDate: boolean;
};

const MAILBOX_MAX = 64;
const MAIL_TOTAL_MAX = 8_192;
const ASK_HELLO_MS = 5_000;
const COMMAND_TTL_MS = 60_000;
const UP_CONCURRENCY = 64;
const DOWN_CONCURRENCY = 16;
const PULSE_CONCURRENCY = 16;
const WATCH_KEY = 'watch';

export function createFleet(options: FleetOptions): Fleet {
  return new Hub(options).face();
}

class Hub {
  private readonly options: FleetOptions;
  private readonly log: Log;
  private readonly session: string;
  private readonly peers = new Map<string, Peer>();
  private readonly references = new ReferenceIndex();
  private readonly pulls: Pulls;
  private readonly clones = new CloneWatch();
  private readonly listeners = new Set<(node: string, result: CommandResult) => void>();
  private readonly stopping = new AbortController();
  private readonly documents: DocumentDeskOptions;
  private readonly mail: MailDeskOptions;
  private mailTotal = 0;
  private readonly watch: DocumentWatch;
  private loops: { readonly up: Runner; readonly down: Runner; readonly pulse: Runner; readonly watch: Runner } | undefined;

  constructor(options: FleetOptions) {
    const log = options.log.child({ part: 'fleet' });
    const receipts = new Receipts(options.storage);
    const { incarnation, newIncarnation } = options;
    this.pulls = new Pulls(options.clock);
    const send = (peer: Peer, message: DownMessage) => this.send(peer, message);
    this.options = options;
    this.log = log;
    this.session = options.ids.uuid();
    const shared = new SharedItems(options.network);
    this.watch = new DocumentWatch({
      ...options,
      log,
      shared,
      references: this.references,
      outdated: (node, what) => this.outdate(this.peers.get(node), what),
      allOutdated: (what) => this.peers.forEach((peer) => this.outdate(peer, what)),
      nodeWritten: (node) => this.nodeWritten(node),
      ended: () => {
        if (!this.stopping.signal.aborted) this.loops?.watch.signal(WATCH_KEY);
      },
    });
    this.documents = {
      ...options,
      encoder: new ItemEncoder(options.network.clusterCIDR, options.tokens.key),
      tokenIssuer: options.tokens.issuer,
      references: this.references,
      shared,
      isCaughtUp: () => this.watch.isCaughtUp(),
      nodes: () => this.peers.size,
      receipts,
      pulls: this.pulls,
      send,
    };
    this.mail = {
      ...options,
      log,
      publicKey: createPublicKey(options.privateKey),
      session: this.session,
      receipts,
      guard: new IncarnationGuard({ incarnation, newIncarnation, receipts, log }),
      clones: this.clones,
      events: new EventDesk(),
      send,
      renewed: () => this.signalAll(),
      down: (node) => this.loops?.down.signal(node),
      pulse: (node) => this.loops?.pulse.signal(node),
    };
  }

  face(): Fleet {
    return {
      start: () => this.start(),
      stop: () => this.stop(),
      statusOf: (node) => this.statusOf(node),
      sendCommand: (node, kind, body, id = this.options.ids.uuid()) => this.sendCommand(node, kind, body, id),
      onCommandResult: (listener) => {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
      },
      incarnationChanged: () => this.signalAll(),
      keyChanged: (node) => this.keyChanged(node),
    };
  }

  private start(): void {
    if (this.loops !== undefined) return;
    const { transport, clock, ids } = this.options;
    const { signal } = this.stopping;
    const common = { clock, ids, log: this.log };
    const nodes = () => [...this.peers.keys()];
    const of = (node: string) => this.peers.get(node);
    this.loops = {
      up: createRunner(
        { ...common, name: 'fleet-up', concurrency: UP_CONCURRENCY, run: (node) => this.takeMail(of(node)) },
        signal,
      ),
      down: createRunner(
        { ...common, name: 'fleet-down', concurrency: DOWN_CONCURRENCY, keys: nodes, run: (node) => this.bringDown(of(node)) },
        signal,
      ),
      pulse: createRunner(
        { ...common, name: 'fleet-pulse', concurrency: PULSE_CONCURRENCY, run: (node) => this.keepAlive(of(node)) },
        signal,
      ),
      watch: createRunner(
        { ...common, name: 'fleet-watch', keys: () => [WATCH_KEY], run: async () => this.startWatch() },
        signal,
      ),
    };
    transport.start({
      message: (node, kind, payload) => this.receive(this.peer(node), kind, payload),
      seen: (node) => this.seen(this.peer(node)),
      connected: (node) => this.connected(this.peer(node)),
      disconnected: (node) => this.disconnected(this.peer(node)),
    });
  }

  private async stop(): Promise<void> {
    this.stopping.abort();
    this.watch.stop();
    await this.options.transport.stop();
    const { loops } = this;
    if (loops !== undefined) await Promise.all(Object.values(loops).map(({ done }) => done));
  }

  private peer(node: string): Peer {
    const known = this.peers.get(node) ?? createPeer(node);
    this.peers.set(node, known);
    return known;
  }

  private connected(peer: Peer): void {
    peer.connected = true;
    // What was said to the connection before may be lost.
    peer.sent = undefined;
    peer.get = undefined;
    this.seen(peer);
  }

  private disconnected(peer: Peer): void {
    peer.connected = false;
    peer.session = undefined;
    peer.sent = undefined;
    peer.get = undefined;
    // Nothing is kept ready for a node that is away.
    peer.current = undefined;
    peer.dirty = 'own';
    peer.past.clear();
    this.pulls.end(peer.node);
    this.references.set(peer.node, new Set());
    this.letGo(peer);
  }

  private keyChanged(node: string): void {
    this.clones.forget(node);
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    this.mailTotal -= peer.mailbox.splice(0).length;
    peer.session = undefined;
    peer.tries = 0;
  }

  /** Of a deleted node nothing is kept in memory, once it has gone and what it said has been dealt with. */
  private letGo(peer: Peer): void {
    const { node } = peer;
    if (peer.connected || peer.mailbox.length > 0 || this.options.view().get('nodes', '', node) !== undefined) return;
    this.peers.delete(node);
    this.clones.forget(node);
    this.mail.events.forget(node);
    this.mail.receipts.forget(node);
  }

  private seen(peer: Peer): void {
    const nowMs = this.options.clock.monotonic();
    if (this.clones.isQuarantined(peer.node, nowMs)) return;
    peer.lastSeenMs = nowMs;
    if (nowMs - peer.leaseMs >= renewMs(peer, this.options.view())) this.loops?.pulse.signal(peer.node);
  }

  private receive(peer: Peer, kind: string, payload: Uint8Array): void {
    this.seen(peer);
    // A transport that speaks for itself may not have said so.
    peer.connected = true;
    try {
      const message = decodeUp(kind, payload);
      if (message !== undefined) this.take(peer, message);
    } catch (error) {
      if (!(error instanceof SkerryError)) throw error;
      this.log.warn({ err: error, node: peer.node, kind }, 'a message of a node is ignored');
    }
  }

  private take(peer: Peer, message: ReceivedUp): void {
    const { node } = peer;
    if (message.type !== 'hello' && peer.session === undefined) {
      this.askHello(peer);
      // A hello that waits in the mailbox comes first anyway.
      if (peer.mailbox.length === 0) return;
    }
    switch (message.type) {
      case 'hello':
      case 'st':
        // The sender goes back to what was not acknowledged.
        if (peer.mailbox.length >= MAILBOX_MAX || this.mailTotal >= MAIL_TOTAL_MAX) return;
        this.mailTotal += 1;
        peer.mailbox.push(message);
        this.loops?.up.signal(node);
        return;
      case 'get':
        peer.get = message;
        this.loops?.down.signal(node);
        return;
      case 'rsp':
        for (const listener of this.listeners) listener(node, { id: message.id, ok: message.ok, body: message.body });
    }
  }

  private askHello(peer: Peer): void {
    const nowMs = this.options.clock.monotonic();
    if (nowMs - peer.askedHelloMs < ASK_HELLO_MS) return;
    peer.askedHelloMs = nowMs;
    this.send(peer, {
      type: 'hi',
      session: this.session,
      protocol: PROTOCOL,
      codecs: CODECS,
      serverTimeMs: Math.floor(this.options.clock.now()),
      hello: true,
    });
  }

  private async takeMail(peer: Peer | undefined): Promise<undefined> {
    while (peer !== undefined && peer.mailbox.length > 0 && !this.stopping.signal.aborted) {
      const [message] = peer.mailbox;
      peer.tries += 1;
      await takeMail(peer, this.mail, this.stopping.signal);
      // The node may have become another machine meanwhile.
      if (peer.mailbox[0] !== message) continue;
      peer.mailbox.shift();
      peer.tries = 0;
      this.mailTotal -= 1;
    }
    if (peer !== undefined) this.letGo(peer);
    return undefined;
  }

  private async bringDown(peer: Peer | undefined): Promise<number | undefined> {
    return peer === undefined ? undefined : await bringDown(peer, this.documents);
  }

  private async keepAlive(peer: Peer | undefined): Promise<undefined> {
    if (peer !== undefined) await keepAlive(peer, this.mail, this.stopping.signal);
    return undefined;
  }

  private startWatch(): undefined {
    if (!this.stopping.signal.aborted) this.watch.start();
    return undefined;
  }

  /** Looked at again by its loop if it is there. */
  private outdate(peer: Peer | undefined, what: Outdated): void {
    if (peer === undefined) return;
    if (peer.dirty !== 'own') peer.dirty = what;
    if (peer.connected) this.loops?.down.signal(peer.node);
  }

  private nodeWritten(node: string): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    this.letGo(peer);
    if (!isGivenUp(this.options.view(), peer.node)) return;
    if (this.options.clock.monotonic() - peer.lastSeenMs < renewMs(peer, this.options.view()))
      this.loops?.pulse.signal(peer.node);
  }

  private signalAll(): void {
    for (const peer of this.peers.values()) if (peer.connected) this.loops?.down.signal(peer.node);
  }

  private statusOf(node: string): NodeLinkStatus {
    const peer = this.peers.get(node);
    const { clock } = this.options;
    const seen = peer !== undefined && peer.lastSeenMs !== Number.NEGATIVE_INFINITY;
    return {
      connected: peer?.connected === true && peer.session !== undefined,
      lastSeenMs: seen ? clock.monotonic() - peer.lastSeenMs : undefined,
      ackRev: peer?.acked?.rev,
      upToDate: peer?.current !== undefined && peer.dirty === undefined && peer.acked?.digest === peer.current.digest,
    };
  }

  private sendCommand(node: string, kind: string, body: Json, id: string): SendResult {
    const peer = this.peers.get(node);
    if (peer?.connected !== true || peer.session === undefined) return 'offline';
    const { cluster, privateKey } = this.options;
    const { id: session } = peer.session;
    const signature = signCommand({ cluster, node, session, id, kind, body }, privateKey);
    return this.send(peer, { type: 'cmd', session, id, kind, ttlMs: COMMAND_TTL_MS, body, signature });
  }

  private send(peer: Peer, message: DownMessage): SendResult {
    const { kind, payload } = encodeDown(message, peer.session?.codecs ?? [0]);
    const result = this.options.transport.send(peer.node, kind, payload);
    if (result === 'offline' && peer.connected) this.disconnected(peer);
    return result;
  }
}
