import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Proxy } from '../../src/net/proxy/proxy.ts';

/** An HTTP proxy on loopback that knows CONNECT and nothing else. */
export type ConnectProxy = {
  /** As one that may go by it. */
  readonly proxy: Proxy;
  /** Where it was asked to go, and as whom: `127.0.0.1:6443 me:pass`. */
  readonly asked: readonly string[];
  /** Connections to it that stand. */
  readonly open: () => number;
  /** Ends every connection, and goes. */
  readonly stop: () => Promise<void>;
};

export type ConnectProxyOptions = {
  /** Whom it lets through, `user:password`; nobody else then. */
  readonly login?: string;
  /** Of its own: it speaks TLS then. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Says nothing to whoever asks. */
  readonly silent?: boolean;
};

export async function startConnectProxy({ login, tls, silent = false }: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  server.on('connect', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const [, basic = ''] = /^Basic (.+)$/.exec(request.headers['proxy-authorization'] ?? '') ?? [];
    const who = Buffer.from(basic, 'base64').toString('utf8');
    asked.push(`${request.url} ${who}`.trim());
    if (silent) {
      socket.on('end', () => socket.destroy()).resume();
      return;
    }
    if (login !== undefined && who !== login) {
      socket.end('HTTP/1.1 407 Who Are You\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`tcp://${request.url ?? ''}`);
    let isThere = false;
    const there = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), allowHalfOpen: true }, () => {
      isThere = true;
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      there.write(first);
      there.pipe(socket).pipe(there);
    });
    there.on('error', () => void (isThere ? socket.destroy() : socket.end('HTTP/1.1 502 Not There\r\n\r\n')));
    socket.on('close', () => there.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // Sound: it listens on TCP.
  const { port } = server.address() as AddressInfo;
  return {
    proxy: { host: '127.0.0.1', port, isTls: tls !== undefined, ...(login === undefined ? {} : { login }) },
    asked,
    open: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
