import type { Clock } from '../../src/lib/clock.ts';
import { SkerryError } from '../../src/lib/error.ts';
import type { Ids } from '../../src/lib/ids.ts';
import { byeError, encodeBye, type Bye } from '../../src/net/link/topic.ts';
import {
  CONGESTED_BYTES,
  CONNECT_TIMEOUT_MS,
  PAYLOAD_BYTES_MAX,
  type AgentConnection,
  type AgentHandlers,
  type AgentTransport,
  type SendResult,
  type ServerHandlers,
  type ServerTransport,
} from '../../src/net/link/transport.ts';

/**
 * The link's pipe inside one process, with faults: what the simulator puts between server and agents. It keeps the promises of
 * src/net/link/transport.ts (transport-contract.ts holds it to them) and breaks the rest on demand. Nothing comes twice, order is kept.
 */
export type LinkPair = {
  readonly server: ServerTransport;
  readonly agent: (node: string) => AgentTransport;
  readonly faults: LinkFaults;
};

export type LinkFaults = {
  /** Each message takes between these. */
  readonly delay: (minMs: number, maxMs: number) => void;
  /** Share of messages, 0 to 1, that vanish without a word. */
  readonly drop: (share: number) => void;
  /** Ends a node's connection; both sides see it at once. */
  readonly cut: (node: string) => void;
  /**
   * Nothing passes in either direction, and nobody is told: both sides believe in the connection until the keepalive is over. What
   * is sent meanwhile stays with its sender, as TCP keeps it, and passes if the hole is healed before.
   */
  readonly blackHole: (node: string) => void;
  readonly heal: (node: string) => void;
  /** The node's end is gone without a word, as in a power cut: the server believes in the connection until the keepalive is over, or the node is back. */
  readonly vanish: (node: string) => void;
  /** Every connection is cut and none comes about. */
  readonly serverDown: (down: boolean) => void;
  /** The node's key is refused with this reason, or welcome again. */
  readonly refuse: (node: string, reason: string | undefined) => void;
};

/** MQTT's patience: so many keepalives of silence. */
const SILENCE_KEEPALIVES = 1.5;

export function createLinkPair({
  clock,
  ids,
  keepaliveMs,
}: {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly keepaliveMs: number;
}): LinkPair {
  const wires = new Set<Wire>();
  const holes = new Set<string>();
  const refused = new Map<string, string>();
  let upward: ServerHandlers | undefined;
  let isDown = false;
  let dropShare = 0;
  let tripMs = { min: 0, max: 0 };

  const network: Network = {
    clock,
    isHole: (node) => holes.has(node),
    isLost: () => ids.random() < dropShare,
    tripMs: () => tripMs.min + ids.random() * (tripMs.max - tripMs.min),
  };
  const wireOf = (node: string) => [...wires].find((wire) => wire.node === node && wire.serverOpen);

  const endServer = (wire: Wire) => {
    if (!wire.serverOpen) return;
    wire.serverOpen = false;
    wire.cancelPing();
    upward?.disconnected(wire.node);
    if (!wire.agentOpen) wires.delete(wire);
  };
  const endAgent = (wire: Wire, why: Error) => {
    if (!wire.agentOpen) return;
    wire.agentOpen = false;
    wire.handlers.closed(why);
    if (!wire.serverOpen) wires.delete(wire);
  };
  const cut = (wire: Wire, why: string) => {
    endServer(wire);
    endAgent(wire, new SkerryError('Unreachable', why));
  };
  /** The server's side ends, the agent hears of it when the last message arrives. */
  const dismiss = (wire: Wire, bye: Bye) => {
    wire.down.put(0, () => endAgent(wire, byeError(encodeBye(bye))));
    endServer(wire);
  };
  const ping = (wire: Wire) => {
    wire.cancelPing = clock.timer(keepaliveMs, () => {
      if (!holes.has(wire.node)) upward?.seen(wire.node);
      ping(wire);
    });
  };

  const open = (node: string, handlers: AgentHandlers): AgentConnection => {
    const old = wireOf(node);
    if (old !== undefined) dismiss(old, { code: 'Replaced', reason: `node "${node}" has connected anew` });
    const wire: Wire = {
      node,
      handlers,
      agentOpen: true,
      serverOpen: true,
      cancelPing: () => {},
      up: createLane(node, network),
      down: createLane(node, network),
    };
    wires.add(wire);
    ping(wire);
    upward?.connected(node);
    return {
      send: (kind, payload) => {
        if (!wire.agentOpen) return checked(payload, 'offline');
        return wire.up.send(payload, (copy) => {
          if (!wire.serverOpen) return;
          upward?.seen(node);
          upward?.message(node, kind, copy);
        });
      },
      close: () => {
        if (!wire.agentOpen) return;
        wire.up.put(0, () => endServer(wire));
        endAgent(wire, new SkerryError('Closed', 'closed by this side'));
      },
    };
  };

  return {
    server: {
      start: (handlers) => (upward = handlers),
      send: (node, kind, payload) => {
        const wire = wireOf(node);
        if (wire === undefined) return checked(payload, 'offline');
        return wire.down.send(payload, (copy) => {
          if (wire.agentOpen) wire.handlers.message(kind, copy);
        });
      },
      drop: (node, why) => {
        const wire = wireOf(node);
        if (wire !== undefined) dismiss(wire, { code: 'Closed', reason: why });
      },
      stop: () => {
        for (const wire of wires) dismiss(wire, { code: 'Closed', reason: 'the server stops' });
        upward = undefined;
        return Promise.resolve();
      },
    },
    agent: (node) => ({
      connect: (handlers, signal) =>
        attempt(
          clock,
          signal,
          () => {
            if (isDown || upward === undefined) throw new SkerryError('Unreachable', `connect node "${node}": nobody listens`);
            const reason = refused.get(node);
            if (reason !== undefined) throw new SkerryError('Unauthorized', `connect node "${node}": ${reason}`);
            return holes.has(node) ? undefined : open(node, handlers);
          },
          2 * network.tripMs(),
        ),
    }),
    faults: {
      delay: (min, max) => (tripMs = { min, max }),
      drop: (share) => (dropShare = share),
      cut: (node) => {
        for (const wire of wires) if (wire.node === node) cut(wire, 'the connection was cut');
      },
      blackHole: (node) => {
        holes.add(node);
        const swallowed = [...wires].filter((wire) => wire.node === node);
        clock.timer(keepaliveMs * SILENCE_KEEPALIVES, () => {
          if (holes.has(node)) for (const wire of swallowed) cut(wire, 'keepalive timeout');
        });
      },
      heal: (node) => {
        holes.delete(node);
        for (const wire of wires) {
          if (wire.node !== node) continue;
          wire.up.pump();
          wire.down.pump();
        }
      },
      vanish: (node) => {
        for (const wire of wires) {
          if (wire.node !== node || !wire.agentOpen) continue;
          wire.agentOpen = false;
          wire.cancelPing();
          clock.timer(keepaliveMs * SILENCE_KEEPALIVES, () => {
            endServer(wire);
            wires.delete(wire);
          });
        }
      },
      serverDown: (down) => {
        isDown = down;
        if (down) for (const wire of wires) cut(wire, 'the server is down');
      },
      refuse: (node, reason) => {
        if (reason === undefined) refused.delete(node);
        else refused.set(node, reason);
        const wire = wireOf(node);
        if (reason !== undefined && wire !== undefined) dismiss(wire, { code: 'Closed', reason });
      },
    },
  };
}

type Wire = {
  readonly node: string;
  readonly handlers: AgentHandlers;
  readonly up: Lane;
  readonly down: Lane;
  agentOpen: boolean;
  serverOpen: boolean;
  cancelPing: () => void;
};

type Network = {
  readonly clock: Clock;
  readonly isHole: (node: string) => boolean;
  readonly isLost: () => boolean;
  readonly tripMs: () => number;
};

/** One direction of a wire: first in, first out. */
type Lane = {
  readonly send: (payload: Uint8Array, deliver: (copy: Uint8Array) => void) => SendResult;
  readonly put: (bytes: number, deliver: () => void) => void;
  /** Goes on after a hole. */
  readonly pump: () => void;
};

function createLane(node: string, network: Network): Lane {
  const queue: { readonly arriveMs: number; readonly bytes: number; readonly deliver: () => void }[] = [];
  const { clock } = network;
  let lastMs = 0;
  let pumping = false;
  const pump = () => {
    const head = queue[0];
    if (pumping || head === undefined || network.isHole(node)) return;
    pumping = true;
    // Whole milliseconds: a rest too small to move the clock would be waited for at the same moment for ever.
    clock.timer(Math.ceil(head.arriveMs - clock.monotonic()), () => {
      pumping = false;
      const nowMs = clock.monotonic();
      while (!network.isHole(node) && (queue[0]?.arriveMs ?? Infinity) <= nowMs) queue.shift()?.deliver();
      pump();
    });
  };
  const put = (bytes: number, deliver: () => void) => {
    lastMs = Math.max(lastMs, clock.monotonic() + network.tripMs());
    queue.push({ arriveMs: lastMs, bytes, deliver });
    pump();
  };
  return {
    put,
    pump,
    send: (payload, deliver) => {
      const unsent = network.isHole(node) ? queue.reduce((sum, { bytes }) => sum + bytes, 0) : 0;
      if (unsent > 0 && unsent + payload.length > CONGESTED_BYTES) return checked(payload, 'congested');
      const result = checked(payload, 'sent');
      const copy = Uint8Array.from(payload);
      if (!network.isLost()) put(payload.length, () => deliver(copy));
      return result;
    },
  };
}

function checked(payload: Uint8Array, result: SendResult): SendResult {
  if (payload.length <= PAYLOAD_BYTES_MAX) return result;
  throw new SkerryError('Bug', `send a link message: it has ${payload.length} bytes, more than ${PAYLOAD_BYTES_MAX}`);
}

/** `arrive` gives nothing where nothing answers. */
function attempt(
  clock: Clock,
  signal: AbortSignal,
  arrive: () => AgentConnection | undefined,
  afterMs: number,
): Promise<AgentConnection> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      cancel();
      reject(new SkerryError('Aborted', 'connect: stopped'));
    };
    const settle = (settled: () => void) => {
      signal.removeEventListener('abort', aborted);
      settled();
    };
    let cancel = clock.timer(afterMs, () => {
      try {
        const connection = arrive();
        if (connection !== undefined) return settle(() => resolve(connection));
      } catch (error) {
        return settle(() => reject(error instanceof Error ? error : new SkerryError('Bug', 'connect', { cause: error })));
      }
      cancel = clock.timer(CONNECT_TIMEOUT_MS, () =>
        settle(() => reject(new SkerryError('Unreachable', `connect: no answer within ${CONNECT_TIMEOUT_MS} ms`))),
      );
      return undefined;
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}
