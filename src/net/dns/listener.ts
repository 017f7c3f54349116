import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { createShares } from '#lib/shares.ts';
import type { Respond } from './responder.ts';
import { HEADER_BYTES } from './wire.ts';

/** The sockets of the name server: one for datagrams, one for connections, each opened again when it is lost. */
export type ListenerOptions = {
  readonly address: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly respond: Respond;
  /** One of them was lost. */
  readonly lost: () => void;
  readonly clock: Clock;
};

const CONNECTIONS_MAX = 128;
export const CONNECTIONS_EACH_MAX = 32;
/** A client that asks nothing: what comes of a question bit by bit is none yet (RFC 7766, 6.2.3). */
export const IDLE_MS_MAX = 10_000;
/** Of a question; none of those that are asked comes near. */
const QUERY_BYTES_MAX = 4_096;
/** What a client does not fetch. */
const UNSENT_BYTES_MAX = 256 * 1024;
/** Datagrams that wait while a busy board gets to them. */
const RECEIVE_BYTES = 1024 * 1024;

export class Listener {
  private readonly options: ListenerOptions;
  private udp: UdpSocket | undefined;
  private tcp: Server | undefined;
  private readonly connections = new Set<Socket>();
  private readonly shares = createShares(CONNECTIONS_MAX, CONNECTIONS_EACH_MAX);

  constructor(options: ListenerOptions) {
    this.options = options;
  }

  /** Opens what is not open. Throws code ListenFailed. */
  async ensure(): Promise<void> {
    this.udp ??= await this.openUdp();
    this.tcp ??= await this.openTcp();
  }

  closeUdp(): void {
    this.udp?.close();
    this.udp = undefined;
  }

  close(): void {
    this.closeUdp();
    this.tcp?.close();
    for (const socket of this.connections) socket.destroy();
    this.tcp = undefined;
  }

  private openUdp(): Promise<UdpSocket> {
    const { address, udpPort: port, respond } = this.options;
    return new Promise((resolve, reject) => {
      // Beside a resolver that is bound to every address. Addresses are not looked up: that would be done in libuv's pool.
      const socket = createSocket({ type: 'udp4', reuseAddr: true, lookup: (host, _options, found) => found(null, host, 4) });
      socket.on('message', (message, from) => {
        // From port 0, as only forged ones are, nothing can be answered: Node throws if one tries.
        if (from.port === 0) return;
        respond(message, 'udp', from.address, (answer, rest) =>
          this.udp?.send(rest === undefined ? answer : [answer, rest], from.port, from.address),
        );
      });
      socket.once('error', (cause) => {
        socket.close();
        reject(new SkerryError('ListenFailed', `listen on UDP ${address}:${port}`, { cause }));
      });
      socket.bind({ port, address, exclusive: true }, () => {
        socket.removeAllListeners('error');
        socket.on('error', () => {
          if (this.udp === socket) this.udp = undefined;
          socket.close();
          this.options.lost();
        });
        growBuffer(socket);
        resolve(socket);
      });
    });
  }

  private openTcp(): Promise<Server> {
    const { address, tcpPort: port } = this.options;
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.serve(socket));
      server.once('error', (cause) => reject(new SkerryError('ListenFailed', `listen on TCP ${address}:${port}`, { cause })));
      server.listen({ port, host: address, exclusive: true }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {
          if (this.tcp === server) this.tcp = undefined;
          server.close();
          this.options.lost();
        });
        resolve(server);
      });
    });
  }

  private serve(socket: Socket): void {
    const { clock, respond } = this.options;
    const { remoteAddress: client = '' } = socket;
    socket.on('error', ignore);
    if (!this.shares.take(client)) return void socket.resetAndDestroy();
    let received: Buffer = Buffer.alloc(0);
    const idle = () => clock.timer(IDLE_MS_MAX, () => socket.destroy());
    let cancelIdle = idle();
    let unanswered = 0;
    let hasEnded = false;
    /** Who has ended its side still has what it asked for. */
    const endIfDone = () => {
      if (hasEnded && unanswered === 0) socket.end();
    };
    socket.on('end', () => {
      hasEnded = true;
      endIfDone();
    });
    this.connections.add(socket);
    socket.on('close', () => {
      cancelIdle();
      this.connections.delete(socket);
      this.shares.give(client);
    });
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (received.length >= 2) {
        const bytes = received.readUInt16BE(0);
        if (bytes < HEADER_BYTES || bytes > QUERY_BYTES_MAX) return void socket.destroy();
        if (received.length < 2 + bytes) return;
        const message = received.subarray(2, 2 + bytes);
        received = received.subarray(2 + bytes);
        cancelIdle();
        cancelIdle = idle();
        unanswered += 1;
        respond(message, 'tcp', client, (answer) => {
          unanswered -= 1;
          sendFramed(socket, answer);
          endIfDone();
        });
      }
    });
  }
}

function sendFramed(socket: Socket, answer: Buffer): void {
  if (socket.destroyed) return;
  if (socket.writableLength > UNSENT_BYTES_MAX) return void socket.destroy();
  socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
}

/** As far as the system allows. */
function growBuffer(socket: UdpSocket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BYTES);
  } catch {
    // What it has must do.
  }
}

/** Who has asked is gone, or can not be reached: nobody is there to be told. */
const ignore = () => undefined;
