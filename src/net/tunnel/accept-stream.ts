import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '#lib/clock.ts';
import { CHUNK_BYTES_MAX, createStreamSocket, type StreamSocket } from './stream-socket.ts';

/** The server's side of a stream's beginning: answers the upgrade. Whether it is welcome has been decided before. */
export type StreamAcceptor = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  accepted: (stream: StreamSocket) => void,
) => void;

export function createStreamAcceptor(clock: Clock): StreamAcceptor {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: CHUNK_BYTES_MAX,
  });
  return (request, socket, head, accepted) =>
    server.handleUpgrade(request, socket, head, (webSocket) => accepted(createStreamSocket(webSocket, clock)));
}

/** Refuses an upgrade with an HTTP status. */
export function refuseStream(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
