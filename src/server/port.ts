import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import type { Log } from '#lib/log.ts';
import type { NodeOf } from '#net/link/server.ts';
import { peerOf, type Peer } from './auth/peer.ts';
import { createConnectionLimit } from './port/connection-limit.ts';

/**
 * The one port: TLS, told apart by ALPN. Sockets that chose `mqtt` go to the link, all others speak HTTP/1.1 with the server that
 * listens (an http server that is fed by hand never enforces its timeouts). Limits hold before anybody is known. It knows who is
 * there; what they may do is decided behind onRequest.
 */
export type PortTls = {
  /** Of the server, PEM. */
  readonly key: string;
  readonly certificate: string;
  /** The only CA whose client certificates make a user, PEM. */
  readonly ca: string;
  /** 48 bytes, kept over restarts so that sessions are. */
  readonly ticketKeys: Buffer;
};

export type PortOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls: PortTls;
  readonly nodeOf: NodeOf;
  /** `recognize` says that the request itself has shown who sends it: the connection is then kept like those of certificates. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, peer: Peer, recognize: () => void) => void;
  /** Which requests to upgrade go to onUpgrade; the others are answered as if they had not asked. */
  readonly isUpgrade: (request: IncomingMessage) => boolean;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, peer: Peer) => void;
  readonly onLink: (socket: TLSSocket) => void;
  readonly clock: Clock;
  readonly log: Log;
};

export type Port = {
  /** Resolves when it listens; rejects with code Unavailable, naming the address. */
  readonly listen: () => Promise<AddressInfo>;
  /** For all handshakes to come; connections and sessions that are there go on. */
  readonly renew: (tls: PortTls) => void;
  /** Takes no more connections, gives those that are there STOP_MS to end, then cuts them. */
  readonly stop: () => Promise<void>;
};

/** Connections that the kernel keeps until we take them: with 100 a return of 5,000 nodes took two minutes (measured). */
const BACKLOG = 4_096;
const HANDSHAKE_MS_MAX = 10_000;
const HEADERS_MS_MAX = 15_000;
/** Of a whole request with its body. */
const REQUEST_MS_MAX = 120_000;
/** How often node looks for those. */
const CHECK_EVERY_MS = 5_000;
/** Longer than Go's clients keep an idle connection (90 s), so that they never write into one that is closing. */
const IDLE_MS_MAX = 100_000;
const HEADER_BYTES_MAX = 32 * 1024;
const HANDSHAKES_MAX = 4_096;
/** Connections that have shown neither a user's certificate nor a node's key. */
const STRANGERS_MAX = 1_024;
const SESSION_SECONDS_MAX = 24 * 3_600;
/** A watch never ends by itself, so this is how long a stop takes while there is one. */
const STOP_MS = 2_000;
/** Else it is a hash over this process's arguments, and no session outlives a change of them (measured). */
const SESSION_ID_CONTEXT = 'skerry';
const ANONYMOUS_PEER: Peer = { type: 'anonymous' };

export function createPort(options: PortOptions): Port {
  const { clock, log, nodeOf, tls } = options;
  const raw = new Set<Socket>();
  const secure = new Set<TLSSocket>();
  const strangers = new Set<TLSSocket>();
  const peers = new WeakMap<object, Peer>();
  const handshakeLimit = createConnectionLimit(HANDSHAKES_MAX, 'handshakes', log, clock);
  const strangerLimit = createConnectionLimit(STRANGERS_MAX, 'connections of nobody known', log, clock);

  const server = createServer({
    ...contextOf(tls),
    requestCert: true,
    // Who is let in, and as what, is decided in peerOf: a node's certificate is self-signed and its dates mean nothing.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1', 'mqtt'],
    handshakeTimeout: HANDSHAKE_MS_MAX,
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: IDLE_MS_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
    noDelay: true,
    shouldUpgradeCallback: options.isUpgrade,
  });
  /** A connection may live for longer than the certificate that it began with. */
  const peerOn = (request: IncomingMessage): Peer => {
    const peer = peers.get(request.socket) ?? ANONYMOUS_PEER;
    return peer.type === 'user' && clock.now() >= peer.untilMs ? ANONYMOUS_PEER : peer;
  };

  server.on('connection', (socket: Socket) => {
    if (!handshakeLimit.admit(socket, raw.size - secure.size)) return;
    raw.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => raw.delete(socket));
  });

  // Sound: https registers its HTTP listener for exactly this event and signature.
  const toHttp = server.listeners('secureConnection') as ((this: unknown, socket: TLSSocket) => void)[];
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket) => {
    secure.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      secure.delete(socket);
      strangers.delete(socket);
    });
    const peer = peerOf(socket, { nodeOf, nowMs: clock.now() });
    if (peer.type === 'anonymous') {
      if (!strangerLimit.admit(socket, strangers.size)) return;
      strangers.add(socket);
    }
    peers.set(socket, peer);
    if (socket.alpnProtocol === 'mqtt') options.onLink(socket);
    else for (const listener of toHttp) listener.call(server, socket);
  });

  server.on('tlsClientError', (error, socket) => {
    log.debug({ err: error, remote: socket.remoteAddress }, 'a TLS handshake failed');
    socket.destroy();
  });
  server.on('clientError', answerMalformed);
  server.on('request', (request, response) => {
    const peer = peerOn(request);
    const { shouldKeepAlive } = response;
    // Nobody known keeps a connection for longer than one request.
    if (peer.type === 'anonymous') response.shouldKeepAlive = false;
    options.onRequest(request, response, peer, () => {
      response.shouldKeepAlive = shouldKeepAlive;
      // Sound: requests come on the sockets of this server, which speaks TLS only.
      strangers.delete(request.socket as TLSSocket);
    });
  });
  server.on('upgrade', (request, socket, head) => options.onUpgrade(request, socket, head, peerOn(request)));

  return {
    listen: () => listen(server, options),
    renew: (next) => server.setSecureContext(contextOf(next)),
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cancel = clock.timer(STOP_MS, () => {
        for (const socket of raw) socket.destroy();
      });
      await closed;
      cancel();
    },
  };
}

function contextOf({ key, certificate, ca, ticketKeys }: PortTls) {
  return {
    key,
    cert: certificate,
    ca,
    ticketKeys,
    sessionTimeout: SESSION_SECONDS_MAX,
    sessionIdContext: SESSION_ID_CONTEXT,
  };
}

function listen(
  server: ReturnType<typeof createServer>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(new SkerryError('Unavailable', `listen on ${hostPort({ host, port })}`, { cause }));
    server.once('error', failed);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', failed);
      // An accept that fails later (no more file descriptors) must not end the process.
      server.on('error', () => undefined);
      // Sound: a TCP server that listens has an address with a port.
      resolve(server.address() as AddressInfo);
    });
  });
}

/** What was sent is no HTTP, or it came too slowly. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = MALFORMED[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

const MALFORMED: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};
