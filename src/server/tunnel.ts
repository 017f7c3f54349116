import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Json } from '#api/object.ts';
import { apiError } from '#api/status.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { SendResult } from '#net/link/transport.ts';
import { createStreamAcceptor, refuseStream } from '#net/tunnel/accept-stream.ts';
import { OPEN_COMMAND, TICKET_HEADER, streamIdOf } from '#net/tunnel/stream-path.ts';
import type { StreamSocket } from '#net/tunnel/stream-socket.ts';
import type { Peer } from './auth/peer.ts';

/**
 * Streams from nodes: asked for over the link, dialled in by the node, one WebSocket each. A stream is begun by nobody else: it takes
 * the node's own key and a ticket that is good once. What the bytes mean is for who opens it (pod-log.ts).
 */
export type Tunnel = {
  /**
   * Begins when it is first read. Throws ServiceUnavailable (the node is not connected, or did not dial in), the node's own error, or Cut.
   * Leaving the loop, or the signal, ends it at the node too.
   */
  readonly openStream: (node: string, kind: string, params: Json, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** For the port: which upgrades are streams, and where they go. */
  readonly isUpgrade: (request: IncomingMessage) => boolean;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, peer: Peer) => void;
  /** For the fleet's onCommandResult: a node that can not open a stream says so at once. */
  readonly onCommandResult: (node: string, result: { readonly id: string; readonly ok: boolean; readonly body: Json }) => void;
  /** Cuts every stream of a node, whose key is no longer good. */
  readonly drop: (node: string) => void;
  readonly stop: () => void;
};

export type TunnelOptions = {
  /** Over the link; the fleet's. */
  readonly sendCommand: (node: string, kind: string, body: Json, id: string) => SendResult;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'uuid' | 'bytes'>;
  readonly log: Log;
};

/** For the node to dial in. */
const OPEN_MS_MAX = 10_000;
const STREAMS_MAX = 1_024;
const TICKET_BYTES = 24;

type Awaited = {
  readonly node: string;
  readonly ticketHash: Buffer;
  readonly arrived: (stream: StreamSocket) => void;
  readonly failed: (error: SkerryError) => void;
};

export function createTunnel({ sendCommand, clock, ids, log }: TunnelOptions): Tunnel {
  const accept = createStreamAcceptor(clock);
  const awaited = new Map<string, Awaited>();
  const open = new Map<StreamSocket, string>();

  const ask = (node: string, kind: string, params: Json, signal: AbortSignal): Promise<StreamSocket> =>
    new Promise((resolve, reject) => {
      const id = ids.uuid();
      const ticket = Buffer.from(ids.bytes(TICKET_BYTES)).toString('base64url');
      const settle = () => {
        awaited.delete(id);
        cancel();
        signal.removeEventListener('abort', aborted);
      };
      const failed = (error: SkerryError) => {
        settle();
        reject(error);
      };
      const aborted = () => failed(new SkerryError('Aborted', `open a ${kind} stream from node "${node}": stopped`));
      const cancel = clock.timer(OPEN_MS_MAX, () =>
        failed(unavailable(node, `is connected, but did not open the ${kind} stream within ${OPEN_MS_MAX / 1_000} s`)),
      );
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) return aborted();
      if (open.size + awaited.size >= STREAMS_MAX)
        return failed(
          apiError('TooManyRequests', `open a ${kind} stream from node "${node}": ${STREAMS_MAX} streams are open already`),
        );
      awaited.set(id, {
        node,
        ticketHash: hashOf(ticket),
        failed,
        arrived: (stream) => {
          settle();
          resolve(stream);
        },
      });
      const result = sendCommand(node, OPEN_COMMAND, { id, ticket, kind, params }, id);
      if (result === 'offline') return failed(unavailable(node, 'is not connected'));
      if (result === 'congested') return failed(unavailable(node, 'is connected, but takes no messages now'));
      return undefined;
    });

  return {
    openStream: (node, kind, params, signal) => read(node, () => ask(node, kind, params, signal), open, signal),
    isUpgrade: ({ url }) => streamIdOf(url) !== undefined,
    onUpgrade: (request, socket, head, peer) => {
      const id = streamIdOf(request.url) ?? '';
      const stream = awaited.get(id);
      const ticket = request.headers[TICKET_HEADER];
      const isWelcome =
        stream !== undefined &&
        peer.type === 'node' &&
        peer.node === stream.node &&
        typeof ticket === 'string' &&
        timingSafeEqual(hashOf(ticket), stream.ticketHash);
      if (!isWelcome) {
        log.warn({ id, peer: peer.type === 'node' ? peer.node : peer.type }, 'a stream that nobody waits for was refused');
        refuseStream(socket, '403 Forbidden');
        return;
      }
      // Good once, also if what follows fails.
      awaited.delete(id);
      accept(request, socket, head, stream.arrived);
    },
    onCommandResult: (node, { id, ok, body }) => {
      const stream = awaited.get(id);
      if (ok || stream === undefined || stream.node !== node) return;
      stream.failed(unavailable(node, `could not open the stream: ${typeof body === 'string' ? body : 'it gave no reason'}`));
    },
    drop: (node) => {
      for (const [stream, of] of open) if (of === node) stream.cut();
    },
    stop: () => {
      for (const { node, failed } of awaited.values()) failed(unavailable(node, 'can not be asked: the server stops'));
      for (const stream of open.keys()) stream.cut();
    },
  };
}

async function* read(
  node: string,
  ask: () => Promise<StreamSocket>,
  open: Map<StreamSocket, string>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = await ask();
  open.set(stream, node);
  const aborted = () => stream.cut();
  signal.addEventListener('abort', aborted, { once: true });
  let isOver = false;
  try {
    yield* stream.chunks;
    isOver = true;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', aborted);
    open.delete(stream);
    if (isOver) stream.end();
    else stream.cut();
  }
}

function unavailable(node: string, why: string): SkerryError {
  return apiError('ServiceUnavailable', `node "${node}" ${why}`);
}

function hashOf(ticket: string): Buffer {
  return createHash('sha256').update(ticket).digest();
}
