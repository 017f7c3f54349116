import type { Json } from '#api/object.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import { createDialer, type DialTarget } from '#net/tls/dial.ts';
import { dialStream } from '#net/tunnel/dial-stream.ts';
import { CHUNK_BYTES_MAX, type StreamSocket } from '#net/tunnel/stream-socket.ts';

/**
 * The node's end of streams: on the server's word over the link it dials out, to the server that it pinned and nowhere else, and sends what
 * the handler of that kind gives. A stream outlives the link's connection: each has its own.
 */
export type AgentTunnel = {
  /**
   * Carries out the link command `open`. Resolves when the stream is dialled in; rejects with why it can not be. What happens to the
   * stream afterwards is said in the stream.
   */
  readonly open: (body: Json, signal: AbortSignal) => Promise<Json>;
  readonly stop: () => Promise<void>;
};

/** Ends when `signal` aborts (the reader has gone). */
export type StreamHandler = (params: Json, signal: AbortSignal) => AsyncIterable<Uint8Array>;

export type AgentTunnelOptions = {
  readonly target: DialTarget;
  readonly serve: Readonly<Record<string, StreamHandler>>;
  readonly clock: Clock;
  readonly log: Log;
};

const STREAMS_MAX = 64;
const DIAL_MS_MAX = 8_000;
/** How long a stream may take to say its end when the agent stops: its reader may read nothing for hours. */
const STOP_MS_MAX = 1_000;

export function createAgentTunnel({ target, serve, clock, log }: AgentTunnelOptions): AgentTunnel {
  const dialer = createDialer(target, clock);
  const stopping = new AbortController();
  const running = new Map<Promise<void>, StreamSocket>();
  let dialling = 0;
  return {
    open: async (body, signal) => {
      const { id, ticket, kind, params } = parseOpen(body);
      const handler = Object.hasOwn(serve, kind) ? serve[kind] : undefined;
      if (handler === undefined)
        throw new SkerryError('BadRequest', `open a stream: this release knows no kind ${JSON.stringify(kind)}`);
      if (running.size + dialling >= STREAMS_MAX)
        throw new SkerryError('TooManyRequests', `open a stream: ${STREAMS_MAX} streams are open already`);
      dialling += 1;
      const stream = await dialStream(
        dialer,
        { id, ticket },
        { clock, timeoutMs: DIAL_MS_MAX },
        AbortSignal.any([signal, stopping.signal]),
      ).finally(() => (dialling -= 1));
      const run = pump(stream, handler, params, stopping.signal).catch((error: unknown) =>
        log.debug({ err: error, stream: id, kind }, 'a stream ended early'),
      );
      running.set(run, stream);
      void run.finally(() => running.delete(run));
      return null;
    },
    stop: async () => {
      stopping.abort();
      const cancel = clock.timer(STOP_MS_MAX, () => {
        for (const stream of running.values()) stream.cut();
      });
      await Promise.all(running.keys());
      cancel();
    },
  };
}

async function pump(stream: StreamSocket, handler: StreamHandler, params: Json, stopping: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([stream.gone, stopping]);
  try {
    for await (const chunk of handler(params, signal)) {
      if (signal.aborted) break;
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES_MAX) await stream.send(chunk.subarray(at, at + CHUNK_BYTES_MAX));
    }
  } catch (error) {
    if (hasCode(error, 'Cut') || signal.aborted) return stream.cut();
    const code = error instanceof SkerryError ? error.code : 'InternalError';
    return stream.end({ code, message: error instanceof Error ? error.message : 'the stream failed' });
  }
  if (stopping.aborted) return stream.end({ code: 'ServiceUnavailable', message: 'the agent of this node stops' });
  return stream.end();
}

type Open = { readonly id: string; readonly ticket: string; readonly kind: string; readonly params: Json };

function parseOpen(body: Json): Open {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    // Sound: not an array, so an object of JSON.
    const { id, ticket, kind, params = null } = body as { readonly [key: string]: Json };
    if (typeof id === 'string' && typeof ticket === 'string' && typeof kind === 'string') return { id, ticket, kind, params };
  }
  throw new SkerryError('BadRequest', 'open a stream: the command needs id, ticket and kind');
}
