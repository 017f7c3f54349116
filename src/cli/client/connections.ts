import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { HostPort } from '#lib/host-port.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import type { Connection } from './connection.ts';
import type { Proof } from './credentials.ts';
import { waitFor, type Patience } from './exchange.ts';

/** The few connections that a command has to its server: opened when one is needed, kept for the next request of the same user. */
export type Connections = {
  /** Waits while all are in use. Rejects with what the connection failed with; given back by `release`, once. */
  readonly take: (proof: Proof, patience: Patience, signal: AbortSignal | undefined) => Promise<Socket>;
  readonly release: (socket: Socket, proof: Proof, reusable: boolean) => void;
};

const CONNECTIONS_MAX = 4;
/** So that a peer that is gone without a word is noticed while nothing is said. */
const PROBE_MS = 30_000;
/** For a proxy to reach the server. */
const PROXY_MS_MAX = 30_000;

/** `proxy`: by which all go. */
export function createConnections(
  to: Pick<Connection, 'server' | 'ca' | 'insecure' | 'serverName'>,
  proxy: Proxy | undefined,
): Connections {
  const idle: { readonly socket: Socket; readonly certificate: string | undefined }[] = [];
  const waiting: (() => void)[] = [];
  let used = 0;

  const leave = () => {
    used -= 1;
    waiting.shift()?.();
  };

  return {
    take: async ({ cert, key }, patience, signal) => {
      while (used >= CONNECTIONS_MAX) await new Promise<void>((free) => waiting.push(free));
      used += 1;
      for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) {
        if (kept.certificate === cert && kept.socket.writable && !kept.socket.readableEnded) return kept.socket;
        kept.socket.destroy();
      }
      try {
        return await opened(await begin(to, proxy, { cert, key }, patience, signal), patience, signal);
      } catch (error) {
        leave();
        throw error;
      }
    },
    release: (socket, { cert }, reusable) => {
      if (reusable) idle.push({ socket, certificate: cert });
      leave();
    },
  };
}

async function begin(
  { server, ca, insecure, serverName }: Pick<Connection, 'server' | 'ca' | 'insecure' | 'serverName'>,
  proxy: Proxy | undefined,
  own: Pick<ConnectionOptions, 'cert' | 'key'>,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<{ readonly socket: Socket; readonly ready: 'connect' | 'secureConnect' }> {
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  if (!isTls) return { socket: connectTcp({ host, port }), ready: 'connect' };
  const socket = connectTls({
    host,
    port,
    ...(proxy === undefined ? {} : { socket: await through(proxy, { host, port }, patience, signal) }),
    // An address is no name that may be asked for (RFC 6066 §3).
    ...(serverName === undefined ? (isIP(host) === 0 ? { servername: host } : {}) : { servername: serverName }),
    ALPNProtocols: ['http/1.1'],
    ...own,
    ca,
    rejectUnauthorized: !insecure,
  });
  return { socket, ready: 'secureConnect' };
}

/** No longer than a command waits for anything. */
async function through(
  proxy: Proxy,
  to: HostPort,
  { clock, idleMs }: Patience,
  signal = new AbortController().signal,
): Promise<Socket> {
  const { connectThrough } = await import('#net/proxy/connect-through.ts');
  const timeoutMs = idleMs === 0 ? PROXY_MS_MAX : Math.min(idleMs, PROXY_MS_MAX);
  return connectThrough(proxy, { ...to, timeoutMs, clock }, signal);
}

function opened(
  { socket, ready }: { readonly socket: Socket; readonly ready: 'connect' | 'secureConnect' },
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  socket.setKeepAlive(true, PROBE_MS);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off(ready, done).off('close', closed);
      signal?.removeEventListener('abort', aborted);
      stopWaiting();
      act();
    };
    const fail = (error: Error) => {
      settle(() => reject(error));
      socket.destroy();
    };
    const done = () => settle(() => resolve(socket));
    const aborted = () => fail(new Error('it was stopped'));
    const closed = () => fail(new Error('it closed the connection'));
    const stopWaiting = waitFor(patience, fail);
    // Stays: a kept connection that fails is not used, and no more than that.
    socket.on('error', fail).on(ready, done).on('close', closed);
    if (signal?.aborted === true) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
  });
}
