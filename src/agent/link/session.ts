import { isSigned, isSignedCommand, type SignedStatement } from '#api/link/statement.ts';
import { commonCodecs, CODECS, type Codec } from '#api/link/frame.ts';
import { decodeDown, encodeUp } from '#api/link/message-codec.ts';
import {
  ITEMS_MAX,
  PROTOCOL,
  type Ack,
  type Command,
  type DownMessage,
  type Hello,
  type Hi,
  type UpMessage,
} from '#api/link/messages.ts';
import { SkerryError } from '#lib/error.ts';
import type { AgentConnection, SendResult } from '#net/link/transport.ts';
import type { AgentLinkOptions } from './agent-link.ts';
import type { CommandDesk } from './command-desk.ts';
import { DocumentPuller } from './document-puller.ts';
import type { StagedBlobs } from './staged-blobs.ts';
import { OutboxSender } from './outbox-sender.ts';

/**
 * One connection, from hello to its end: greets, then lets the outbox go up and the document come down. It decides nothing about
 * reconnecting and keeps nothing that the next connection would need (what was pulled stays in `blobs`, which outlive it).
 */
export type SessionParts = {
  readonly options: AgentLinkOptions;
  readonly instance: string;
  readonly desk: CommandDesk;
  readonly blobs: StagedBlobs;
  /** Ends the connection. */
  readonly close: (why: SkerryError) => void;
  readonly greeted: () => void;
  readonly signal: AbortSignal;
};

const HELLO_WAIT_MS = 10_000;
const HELLOS_MAX = 3;
/** A hello asked for again within this time is not given again. */
const HELLO_MS_MIN = 1_000;
/** Malformed frames that are told in the log, per connection. */
const COMPLAINTS_MAX = 10;

export class Session {
  private readonly parts: SessionParts;
  private readonly connection: AgentConnection;
  private readonly id: string;
  private readonly puller: DocumentPuller;
  private readonly sender: OutboxSender;
  private codecs: readonly Codec[] = [0];
  private heardMs: number;
  private hellos = 0;
  private helloMs = Number.NEGATIVE_INFINITY;
  private live = false;
  private ended = false;
  private complaints = 0;
  private renewing = false;
  private cancelHello: () => void = () => undefined;

  constructor(parts: SessionParts, connection: AgentConnection) {
    const { options } = parts;
    this.parts = parts;
    this.connection = connection;
    this.id = options.ids.uuid();
    this.heardMs = options.clock.monotonic();
    this.sender = new OutboxSender({
      ledger: options.ledger,
      clock: options.clock,
      send: (message) => this.send(message),
      silentMs: () => options.clock.monotonic() - this.heardMs,
      dead: () => parts.close(new SkerryError('LinkSilent', 'wait for the server to acknowledge: nothing was heard from it')),
    });
    this.puller = new DocumentPuller({
      blobs: parts.blobs,
      ledger: options.ledger,
      clock: options.clock,
      log: options.log,
      isOurs: (head) => this.isOurs(head),
      get: (message) => void this.send(message),
      observed: (observed) => this.sender.observed(observed),
    });
  }

  start(): void {
    this.hello();
  }

  end(): void {
    this.ended = true;
    this.live = false;
    this.cancelHello();
    this.sender.stop();
    this.puller.reset();
  }

  receive(kind: string, payload: Uint8Array): void {
    if (this.ended) return;
    this.heardMs = this.parts.options.clock.monotonic();
    try {
      const message = decodeDown(kind, payload);
      if (message !== undefined) this.take(message);
    } catch (error) {
      this.complaints += 1;
      if (!(error instanceof SkerryError)) throw error;
      if (this.complaints <= COMPLAINTS_MAX)
        this.parts.options.log.warn({ err: error, kind }, 'a message of the server is ignored');
    }
  }

  private take(message: DownMessage): void {
    switch (message.type) {
      case 'hi':
        this.greet(message);
        return;
      case 'ack':
        this.acknowledge(message);
        return;
      case 'head':
        this.puller.head(message.head);
        return;
      case 'delta':
        this.puller.delta(message);
        return;
      case 'chunk':
        this.puller.chunk(message);
        return;
      case 'cmd':
        this.command(message);
    }
  }

  private greet(hi: Hi): void {
    if (hi.refused !== undefined) {
      const { why, retryAfterMs } = hi.refused;
      this.parts.close(
        new SkerryError('LinkRefused', `greet the server: it refuses this node: ${why}`, { details: { retryAfterMs } }),
      );
      return;
    }
    if (hi.hello === true) {
      if (this.parts.options.clock.monotonic() - this.helloMs < HELLO_MS_MIN) return;
      this.hellos = 0;
      this.hello();
      return;
    }
    this.cancelHello();
    this.codecs = commonCodecs(hi.codecs);
    this.live = true;
    this.parts.greeted();
    if (hi.ack !== undefined)
      this.acknowledge({ type: 'ack', ...hi.ack, ...(hi.fullState === undefined ? {} : { fullState: hi.fullState }) });
    this.sender.start();
  }

  private acknowledge(ack: Ack): void {
    const { ledger, log } = this.parts.options;
    const { epoch, lastSeq } = ledger.outbox();
    if (ack.epoch === epoch && ack.seq > lastSeq) {
      if (this.renewing) return;
      this.renewing = true;
      log.error(
        { epoch, lastSeq, ackedSeq: ack.seq },
        'the server has heard more than this ledger ever said: it was restored; a new epoch begins',
      );
      this.background(
        ledger.renewEpoch().then(() => {
          this.renewing = false;
          if (!this.ended) this.hello();
        }),
      );
      return;
    }
    this.sender.acknowledged(ack.epoch, ack.seq);
    if (ack.fullState === true) this.background(ledger.repeatStates());
  }

  private command(command: Command): void {
    const { cluster, node, publicKey, log } = this.parts.options;
    const { id, kind, body, session } = command;
    if (session !== this.id || !isSignedCommand({ cluster, node, session, id, kind, body }, command.signature, publicKey)) {
      log.warn({ command: kind, id }, 'a command that the cluster did not sign for this session is ignored');
      return;
    }
    this.background(this.parts.desk.take(command, (response) => void this.send(response), this.parts.signal));
  }

  private hello(): void {
    if (this.ended) return;
    this.cancelHello();
    if (this.hellos >= HELLOS_MAX) {
      this.parts.close(new SkerryError('LinkSilent', `greet the server: ${HELLOS_MAX} times no answer`));
      return;
    }
    const { options, instance } = this.parts;
    const held = options.ledger.held();
    const hello: Hello = {
      type: 'hello',
      session: this.id,
      instance,
      protocol: PROTOCOL,
      release: options.release,
      codecs: CODECS,
      keepaliveMs: options.keepaliveMs,
      clock: {
        bootId: options.bootId,
        wallMs: Math.max(0, Math.floor(options.clock.now())),
        monotonicMs: Math.floor(options.clock.monotonic()),
      },
      outbox: options.ledger.outbox(),
      itemsMax: ITEMS_MAX,
      ...(held === undefined ? {} : { document: held.signed }),
    };
    this.hellos += 1;
    this.helloMs = options.clock.monotonic();
    this.send(hello);
    this.cancelHello = options.clock.timer(HELLO_WAIT_MS, () => this.hello());
  }

  private send(message: UpMessage): SendResult {
    if (this.ended || (!this.live && message.type !== 'hello')) return 'offline';
    const { kind, payload } = encodeUp(message, this.codecs);
    return this.connection.send(kind, payload);
  }

  private isOurs(head: SignedStatement): boolean {
    const { cluster, node, publicKey } = this.parts.options;
    return head.statement.cluster === cluster && head.statement.node === node && isSigned(head, publicKey);
  }

  /** What goes wrong in the background is told, and comes right with the next connection. */
  private background(work: Promise<void>): void {
    work.catch((error: unknown) => this.parts.options.log.error({ err: error }, 'the link could not do what the server asked'));
  }
}
