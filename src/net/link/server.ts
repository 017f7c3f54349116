import type { TLSSocket } from 'node:tls';
import { writeToStream } from 'mqtt-packet';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { peerKeyHash } from '../tls/key-hash.ts';
import { serveSession, type ServerSession, type SessionIdentity } from './server-session.ts';
import type { ServerHandlers, ServerTransport } from './transport.ts';

/**
 * The link's endpoint in the server: a session per node, found by the key that TLS has proven, and nothing that two nodes share but
 * the process. It listens nowhere: the one port (src/server/port.ts) hands it sockets.
 */
export type LinkServer = ServerTransport & { readonly accept: (socket: TLSSocket) => void };

/** Which node holds the private half of the key with this hash (net/tls/key-hash.ts), or why none may come in with it. */
export type NodeOf = (publicKeyHash: string) => SessionIdentity;

export type LinkServerOptions = {
  readonly cluster: string;
  readonly nodeOf: NodeOf;
  readonly clock: Clock;
  readonly log: Log;
};

export function createLinkServer({ cluster, nodeOf, clock, log }: LinkServerOptions): LinkServer {
  const sessions = new Map<string, ServerSession>();
  const open = new Set<ServerSession>();
  let handlers: ServerHandlers | undefined;
  let idle = () => {};

  const accept = (socket: TLSSocket) => {
    if (handlers === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const upward = handlers;
    const keyHash = peerKeyHash(socket);
    const identity: SessionIdentity =
      keyHash === undefined ? { refused: 'the connection shows no key; join with a token first' } : nodeOf(keyHash);
    const node = 'node' in identity ? identity.node : '';
    const remote = socket.remoteAddress;
    let announced = false;
    const session = serveSession(socket, {
      cluster,
      identity,
      clock,
      handlers: {
        connected: () => {
          sessions
            .get(node)
            ?.end({ code: 'Replaced', reason: `node "${node}" has connected anew from ${remote ?? 'elsewhere'}` });
          sessions.set(node, session);
        },
        ready: () => {
          announced = true;
          upward.connected(node);
        },
        seen: () => {
          if (announced) upward.seen(node);
        },
        message: (kind, payload) => {
          if (announced) upward.message(node, kind, payload);
        },
        ended: (why) => {
          log.debug({ node, remote, keyHash, why }, 'a link connection has ended');
          if (sessions.get(node) === session) sessions.delete(node);
          if (announced) upward.disconnected(node);
        },
        closed: () => {
          open.delete(session);
          if (open.size === 0) idle();
        },
      },
    });
    open.add(session);
  };

  return {
    accept,
    start: (given) => {
      // Else the parser keeps 65,536 small buffers (measured).
      writeToStream.cacheNumbers = false;
      handlers = given;
    },
    send: (node, kind, payload) => sessions.get(node)?.send(kind, payload) ?? 'offline',
    drop: (node, why) => sessions.get(node)?.end({ code: 'Closed', reason: why }),
    stop: async () => {
      handlers = undefined;
      for (const session of open) session.end({ code: 'Closed', reason: 'the server stops' });
      if (open.size > 0) await new Promise<void>((resolve) => (idle = resolve));
    },
  };
}
