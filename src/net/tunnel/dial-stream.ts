import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Dialer } from '../tls/dial.ts';
import { CHUNK_BYTES_MAX, createStreamSocket, type StreamSocket } from './stream-socket.ts';
import { STREAM_PATH, TICKET_HEADER } from './stream-path.ts';

/** The node's side of a stream's beginning: out to the server whose key is pinned, with the ticket that the server gave over the link. */
export async function dialStream(
  dialer: Dialer,
  { id, ticket }: { readonly id: string; readonly ticket: string },
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<StreamSocket> {
  const { WebSocket } = await import('ws');
  const tls = await dialer.dial('http/1.1', timeoutMs, signal);
  const where = `open the stream ${id}`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://server${STREAM_PATH}${encodeURIComponent(id)}`, {
      createConnection: () => tls,
      headers: { [TICKET_HEADER]: ticket },
      perMessageDeflate: false,
      maxPayload: CHUNK_BYTES_MAX,
    });
    const settle = () => {
      cancel();
      signal.removeEventListener('abort', aborted);
    };
    const fail = (error: SkerryError) => {
      settle();
      socket.terminate();
      tls.destroy();
      reject(error);
    };
    const aborted = () => fail(new SkerryError('Aborted', `${where}: stopped`));
    const cancel = clock.timer(timeoutMs, () =>
      fail(new SkerryError('Unreachable', `${where}: no answer within ${timeoutMs} ms`)),
    );
    signal.addEventListener('abort', aborted, { once: true });
    socket.on('error', (cause) => fail(new SkerryError('Unreachable', where, { cause })));
    socket.once('open', () => {
      settle();
      resolve(createStreamSocket(socket, clock));
    });
  });
}
