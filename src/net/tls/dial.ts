import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import { connectThrough } from '../proxy/connect-through.ts';
import { shownProxy, type Proxy } from '../proxy/proxy.ts';
import { peerKeyHash } from './key-hash.ts';
import { tlsFailure } from './tls-failure.ts';

/**
 * The node's way out: a TLS connection to the server whose key is pinned. Only the key counts, never a certificate's date or name, so
 * that a wrong clock locks nobody out. The pin is compared on resumed sessions too: a ticket is kept with the key it was earned from.
 */
export type DialTarget = {
  readonly host: string;
  readonly port: number;
  /** By which it goes there; undefined: straight. */
  readonly proxy?: Proxy | undefined;
  /** The node's own key and self-signed certificate, PEM. */
  readonly key: string;
  readonly certificate: string;
  /** Hashes (key-hash.ts) of the server keys that are trusted. */
  readonly pins: readonly string[];
};

export type Dialer = {
  /** Rejects with WrongServer, Unreachable or Aborted. The socket has no listeners but one that keeps `error` from being fatal. */
  readonly dial: (alpn: string, timeoutMs: number, signal: AbortSignal) => Promise<TLSSocket>;
  /**
   * The same way without TLS, for whoever speaks it end to end. Nothing is compared: that is up to them. Half-open connections are allowed. Rejects with
   * Unreachable or Aborted.
   */
  readonly dialPlain: (timeoutMs: number, signal: AbortSignal) => Promise<Socket>;
};

type Ticket = { readonly session: Buffer; readonly keyHash: string };

export function createDialer(target: DialTarget, clock: Clock): Dialer {
  let ticket: Ticket | undefined;
  return {
    dial: async (alpn, timeoutMs, signal) => {
      const offered = ticket !== undefined && target.pins.includes(ticket.keyHash) ? ticket : undefined;
      const session = offered === undefined ? {} : { session: offered.session };
      const socket = await connectTls({ ...target, ...session, alpn, timeoutMs, clock }, signal);
      const keyHash = socket.isSessionReused() ? offered?.keyHash : peerKeyHash(socket);
      if (keyHash === undefined || !target.pins.includes(keyHash)) {
        socket.destroy();
        ticket = undefined;
        throw new SkerryError(
          'WrongServer',
          `connect to ${way(target)}: what answers there has the key ${keyHash ?? 'none'}, not one that this node pinned when it joined`,
        );
      }
      // Tickets of TLS 1.3 come after the handshake, so after the comparison above.
      socket.on('session', (session) => (ticket = { session, keyHash }));
      return socket;
    },
    dialPlain: async (timeoutMs, signal) => {
      const { host, port, proxy } = target;
      if (proxy !== undefined) return connectThrough(proxy, { host, port, timeoutMs, clock }, signal);
      const wait = { to: way(target), timeoutMs, untilMs: clock.monotonic() + timeoutMs, clock };
      return settled(() => connectTcp({ host, port, allowHalfOpen: true }), 'connect', wait, signal);
    },
  };
}

export type TlsOptions = {
  readonly host: string;
  readonly port: number;
  readonly alpn: string;
  /** Own key and certificate, PEM, to be shown. */
  readonly key?: string;
  readonly certificate?: string;
  readonly session?: Buffer;
  /** By which it goes there; undefined: straight. */
  readonly proxy?: Proxy | undefined;
  /** In place of it: a connection that is there already. */
  readonly over?: Socket;
  readonly timeoutMs: number;
  readonly clock: Clock;
};

/** Trusts whoever answers: the caller compares the key before it writes. Rejects with Unreachable or Aborted. */
export async function connectTls(target: TlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port, proxy, alpn, key, certificate, session, timeoutMs, clock } = target;
  const untilMs = clock.monotonic() + timeoutMs;
  const over = proxy === undefined ? target.over : await connectThrough(proxy, target, signal);
  const open = () =>
    connect({
      ...(over === undefined ? { host, port } : { socket: over }),
      ...(key === undefined ? {} : { key }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ALPNProtocols: [alpn],
      minVersion: 'TLSv1.3',
      // The key is compared by the caller, on every connection; a chain's dates and names say nothing to a node.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(session === undefined ? {} : { session }),
    });
  try {
    const socket = await settled(open, 'secureConnect', { to: way(target), timeoutMs, untilMs, clock }, signal);
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    over?.destroy();
    throw error;
  }
}

/** Where it goes, and by what. */
const way = ({ host, port, proxy }: Pick<DialTarget, 'host' | 'port' | 'proxy'>): string =>
  `${hostPort({ host, port })}${proxy === undefined ? '' : ` through the proxy ${shownProxy(proxy)}`}`;

type Wait = { readonly to: string; readonly timeoutMs: number; readonly untilMs: number; readonly clock: Clock };

/** The connection once it is there by the event `ready`. */
function settled<S extends Socket>(
  open: () => S,
  ready: 'connect' | 'secureConnect',
  { to, timeoutMs, untilMs, clock }: Wait,
  signal: AbortSignal,
): Promise<S> {
  const where = `connect to ${to}`;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new SkerryError('Aborted', `${where}: stopped`));
      return;
    }
    const socket = open();
    const end = (error: SkerryError) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const failed = (cause: Error) => end(new SkerryError('Unreachable', where, { cause: tlsFailure(cause, clock.now()) }));
    const closed = () => end(new SkerryError('Unreachable', `${where}: it closed the connection during the handshake`));
    const aborted = () => end(new SkerryError('Aborted', `${where}: stopped`));
    const cancelTimer = clock.timer(Math.max(0, untilMs - clock.monotonic()), () =>
      end(new SkerryError('Unreachable', `${where}: no answer within ${timeoutMs} ms`)),
    );
    const settle = () => {
      cancelTimer();
      signal.removeEventListener('abort', aborted);
      socket.off('error', failed).off('close', closed).off(ready, connected);
    };
    const connected = () => {
      settle();
      resolve(socket);
    };
    // Between two owners of the socket an error must not be fatal; `close` follows it and tells them.
    socket.on('error', () => undefined);
    socket.on('error', failed).on('close', closed).on(ready, connected);
    signal.addEventListener('abort', aborted, { once: true });
  });
}
