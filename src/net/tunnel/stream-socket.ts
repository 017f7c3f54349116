import type { WebSocket } from 'ws';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * One stream over one WebSocket: bytes as binary messages, and a last text message that says how it ended. A connection that ends without
 * one was cut. Knows neither what the bytes are nor who is at the other end.
 */
export type StreamSocket = {
  /** Ends where the other side ended it; throws its error (code and message as sent), or code Cut. Read slowly, it holds the sender back. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more; rejects with code Cut. */
  readonly send: (chunk: Uint8Array) => Promise<void>;
  /** Says how it ended, and closes. */
  readonly end: (error?: { readonly code: string; readonly message: string }) => void;
  /** Gives up at once. */
  readonly cut: () => void;
  /** Aborts when the connection is gone, for whatever reason. */
  readonly gone: AbortSignal;
};

export const CHUNK_BYTES_MAX = 256 * 1024;
/** Received and not yet read, beyond which the sender is held back. */
const UNREAD_BYTES_MAX = 1024 * 1024;
/** Given to the socket and not yet sent, beyond which `send` waits. */
const UNSENT_BYTES_MAX = 256 * 1024;
const PING_MS = 20_000;
/** Without anything from the other side, pongs included. */
const SILENCE_MS_MAX = 50_000;
/** The same while the other side takes nothing: its reader may be somebody who looks at one page at a time. */
const STALL_MS_MAX = 15 * 60_000;
const CLOSE_MS_MAX = 5_000;
const CODE_CHARACTERS_MAX = 64;
const MESSAGE_CHARACTERS_MAX = 4_096;

/** `socket` is open. */
export function createStreamSocket(socket: WebSocket, clock: Clock): StreamSocket {
  const gone = new AbortController();
  const queue: Uint8Array[] = [];
  let unread = 0;
  let outcome: { readonly error?: SkerryError } | undefined;
  let wake = () => {};
  let heardMs = clock.monotonic();
  let cancelPing = () => {};
  let cancelClose = () => {};

  const settle = (result: { readonly error?: SkerryError }) => {
    outcome ??= result;
    wake();
  };
  const watch = () => {
    cancelPing = clock.timer(PING_MS, () => {
      // Held back by our own reader, nothing can be heard.
      if (socket.isPaused) heardMs = clock.monotonic();
      const patienceMs = socket.bufferedAmount > 0 ? STALL_MS_MAX : SILENCE_MS_MAX;
      if (clock.monotonic() - heardMs >= patienceMs) return socket.terminate();
      socket.ping();
      return watch();
    });
  };

  socket.on('message', (data, isBinary) => {
    heardMs = clock.monotonic();
    if (outcome !== undefined) return;
    if (!isBinary) return settle(parseEnd(bytesOf(data)));
    const chunk = bytesOf(data);
    queue.push(chunk);
    unread += chunk.length;
    if (unread > UNREAD_BYTES_MAX) socket.pause();
    return wake();
  });
  socket.on('pong', () => (heardMs = clock.monotonic()));
  socket.on('ping', () => (heardMs = clock.monotonic()));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    cancelPing();
    cancelClose();
    settle({ error: cutError() });
    gone.abort();
  });
  watch();

  const close = () => {
    // A paused socket would never see the other side's close.
    socket.resume();
    socket.close();
    cancelClose = clock.timer(CLOSE_MS_MAX, () => socket.terminate());
  };

  const read = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) {
        unread -= chunk.length;
        if (unread <= UNREAD_BYTES_MAX && socket.isPaused) socket.resume();
        heardMs = clock.monotonic();
        yield chunk;
      } else if (outcome?.error !== undefined) throw outcome.error;
      else if (outcome !== undefined) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  };

  return {
    chunks: read(),
    gone: gone.signal,
    send: (chunk) =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) return reject(cutError());
        const sent = (error?: Error | null) => (error == null ? resolve() : reject(cutError(error)));
        const isFull = socket.bufferedAmount + chunk.length > UNSENT_BYTES_MAX;
        socket.send(chunk, { binary: true }, isFull ? sent : undefined);
        return isFull ? undefined : resolve();
      }),
    end: (error) => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(error === undefined ? { end: true } : { error }));
      close();
    },
    cut: () => socket.terminate(),
  };
}

function parseEnd(bytes: Uint8Array): { readonly error?: SkerryError } {
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { error: cutError() };
  }
  if (typeof said !== 'object' || said === null) return { error: cutError() };
  if ('end' in said && said.end === true) return {};
  const error: unknown = 'error' in said ? said.error : undefined;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return { error: cutError() };
  const { code, message } = error;
  if (typeof code !== 'string' || typeof message !== 'string') return { error: cutError() };
  return { error: new SkerryError(code.slice(0, CODE_CHARACTERS_MAX), message.slice(0, MESSAGE_CHARACTERS_MAX)) };
}

function cutError(cause?: unknown): SkerryError {
  return new SkerryError('Cut', 'the stream was cut before its end', { cause });
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
