/**
 * The pipe under the link: ordered enough, lossy, without memory. All promises (order, delivery, identity of messages) live in the
 * protocol above it (src/server/fleet, src/agent/link); one contract suite holds for every implementation: our MQTT endpoint with
 * the agent's MQTT client, an external broker, and the in-process pair with faults (test/support).
 *
 * Topics: `skerry/<cluster>/<node>/up/<kind>` agent → server, `…/dn/<kind>` server → agent; kinds match [a-z]{1,16}, nodes DNS-1123.
 * A hop's acknowledgement (PUBACK) says only that the other end of this hop took the message; what is committed is said above.
 *
 * The kind `bye` is the transport's own: the last message of a connection that the server ends, with the reason as words. MQTT 3.1.1
 * has only numbers for a refusal, so a refused agent is let in as far as to hear why (CONNACK 0, bye, end); it sends and gets nothing else.
 */
export type SendResult = 'sent' | 'offline' | 'congested';

/** The agent's side: one connection attempt at a time, made anew by the supervisor in src/agent/link with back-off. */
export type AgentTransport = {
  /**
   * Resolves once subscribed and ready to send. Rejects with why it could not connect; codes: Unauthorized (refused by the server, do not
   * hurry), WrongServer (what answers there holds no key that is pinned), Unreachable (the rest), Aborted. `signal` ends the
   * attempt, not the connection that came of it; an attempt ends by itself after CONNECT_TIMEOUT_MS.
   */
  readonly connect: (handlers: AgentHandlers, signal: AbortSignal) => Promise<AgentConnection>;
};

export type AgentHandlers = {
  readonly message: (kind: string, payload: Uint8Array) => void;
  /** Called once per connection, when it is gone for whatever reason, `close()` among them; then no message comes any more. */
  readonly closed: (why: Error) => void;
};

export type AgentConnection = {
  readonly send: (kind: string, payload: Uint8Array) => SendResult;
  readonly close: () => void;
};

/** The server's side: all nodes. */
export type ServerTransport = {
  readonly start: (handlers: ServerHandlers) => void;
  readonly send: (node: string, kind: string, payload: Uint8Array) => SendResult;
  /** Ends a node's connection, if it has one. */
  readonly drop: (node: string, why: string) => void;
  readonly stop: () => Promise<void>;
};

export type ServerHandlers = {
  /** `connected` stands before a node's first message, `disconnected` after its last; a take-over gives both. */
  readonly message: (node: string, kind: string, payload: Uint8Array) => void;
  /** Any traffic at all, pings too: what liveness is made of. */
  readonly seen: (node: string) => void;
  readonly connected: (node: string) => void;
  /** A hint only: a link that was cut says nothing. */
  readonly disconnected: (node: string) => void;
};

/** Largest payload of one message, in bytes; larger things go in chunks. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;

/** Of one attempt to connect, the TLS handshake and the subscription among it. */
export const CONNECT_TIMEOUT_MS = 30_000;

/** Unsent bytes of one connection beyond which `send` says `congested`. One message always fits an idle connection. */
export const CONGESTED_BYTES = 256 * 1024;

/** Of an agent; at least 1. Beyond it a node that is gone would count as there for hours. */
export const KEEPALIVE_SECONDS_MAX = 3_600;
