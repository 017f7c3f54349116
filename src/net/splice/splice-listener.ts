import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { createShares } from '#lib/shares.ts';

/**
 * Listens at an address and hands each connection on, byte by byte both ways, over one that `dial` makes. It looks into nothing. What one side does not
 * read, the other does not get to send; while it is closed, whoever connects is refused at once.
 */
export type SpliceListener = {
  /** Resolves when it listens; at once if it does. Rejects with code Unavailable, naming the address. */
  readonly open: () => Promise<void>;
  /** Takes no more connections; those that are there go on. */
  readonly shut: () => void;
  /** Shuts, and resets those that are there: their peers know at once. */
  readonly close: () => void;
};

export type SpliceListenerOptions = {
  readonly address: string;
  readonly port: number;
  /** Rejects once `timeoutMs` are over. */
  readonly dial: (timeoutMs: number, signal: AbortSignal) => Promise<Socket>;
  /** After so much silence the kernel asks whether the other side is still there. */
  readonly keepaliveMs: number;
  /** Why one could not be handed on. */
  readonly failed: (error: unknown) => void;
  readonly clock: Clock;
};

/** At once, and of one client; one more is reset. Each may hold 128 kB of what its sides have not fetched, and the agent is to live in 48 MB. */
const CONNECTIONS_MAX = 512;
export const CONNECTIONS_EACH_MAX = 128;
/** Of these, those that are not through yet. */
const DIALLING_MAX = 64;
const DIALLING_EACH_MAX = 32;
const DIAL_MS_MAX = 8_000;
/** How long one side may go on after the other has ended. */
const HALF_CLOSED_MS_MAX = 60_000;
/** Of the near side, whose packets cost nothing. */
const NEAR_KEEPALIVE_MS = 60_000;

export function createSpliceListener(options: SpliceListenerOptions): SpliceListener {
  const { address, port, failed } = options;
  const near = new Set<Socket>();
  const connections = createShares(CONNECTIONS_MAX, CONNECTIONS_EACH_MAX);
  const dialling = createShares(DIALLING_MAX, DIALLING_EACH_MAX);
  let server: Server | undefined;
  let closing = new AbortController();

  const take = (socket: Socket) => {
    const { remoteAddress: client = '' } = socket;
    socket.on('error', () => undefined);
    if (!connections.take(client)) return refuse(socket, client);
    near.add(socket);
    socket.once('close', () => {
      near.delete(socket);
      connections.give(client);
    });
    if (dialling.take(client)) void handOn(socket, closing.signal).finally(() => dialling.give(client));
    else refuse(socket, client);
  };

  const refuse = (socket: Socket, client: string) => {
    socket.resetAndDestroy();
    failed(new SkerryError('TooManyRequests', `take a connection of ${client} at ${address}:${port}: there are too many`));
  };

  const handOn = async (socket: Socket, signal: AbortSignal): Promise<void> => {
    const gone = new AbortController();
    const leave = () => gone.abort();
    socket.once('close', leave);
    const far = await options.dial(DIAL_MS_MAX, AbortSignal.any([signal, gone.signal])).catch((error: unknown) => {
      if (!signal.aborted && !gone.signal.aborted) failed(error);
      return undefined;
    });
    socket.off('close', leave);
    if (far !== undefined && !signal.aborted && !socket.destroyed) {
      splice(socket, far, options);
      return;
    }
    far?.destroy();
    socket.resetAndDestroy();
  };

  const shut = () => {
    server?.close();
    server = undefined;
  };

  return {
    open: async () => {
      if (server !== undefined) return;
      const made = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
      made.on('connection', take);
      made.listen(port, address);
      try {
        await once(made, 'listening');
      } catch (cause) {
        throw new SkerryError('Unavailable', `listen at ${address}:${port} for the API's clients on this node`, { cause });
      }
      made.on('error', failed);
      server = made;
    },
    shut,
    close: () => {
      shut();
      closing.abort();
      closing = new AbortController();
      for (const socket of near) socket.resetAndDestroy();
    },
  };
}

function splice(near: Socket, far: Socket, { keepaliveMs, clock }: SpliceListenerOptions): void {
  near.setKeepAlive(true, NEAR_KEEPALIVE_MS);
  far.setKeepAlive(true, keepaliveMs);
  far.setNoDelay(true);
  let cancel = (): void => undefined;
  const halve = () => {
    cancel();
    cancel = clock.timer(HALF_CLOSED_MS_MAX, () => near.destroy());
  };
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ] as const) {
    // What one side was cut off by, the other is: an end in good order it has by its `end`.
    socket.on('error', () => cutOff(other));
    socket.once('end', halve);
    socket.once('close', () => {
      cancel();
      if (!other.writableFinished) other.destroy();
    });
    socket.pipe(other);
  }
}

/** A proxy that speaks TLS itself is told no more than an end: TLS knows no reset. */
function cutOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
