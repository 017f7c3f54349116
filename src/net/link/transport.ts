/**
 * The pipe under the link: ordered enough, lossy, without memory. All promises (order, delivery, identity of messages) live in the
 * protocol above it (src/server/fleet, src/agent/link); one contract suite holds for every implementation: our MQTT endpoint with
 * the agent's MQTT client, an external broker, and the in-process pair with faults (test/support).
 *
 * Topics: `skerry/<cluster>/<node>/up/<kind>` agent → server, `…/dn/<kind>` server → agent; kinds match [a-z]{1,16}, nodes DNS-1123.
 */
export type SendResult = 'sent' | 'offline' | 'congested';

/** The agent's side: one connection attempt at a time, made anew by the supervisor in src/agent/link with back-off. */
export type AgentTransport = {
  /** Resolves once subscribed and ready to send. Rejects with why it could not connect (code Unauthorized: refused, do not hurry). */
  readonly connect: (handlers: AgentHandlers, signal: AbortSignal) => Promise<AgentConnection>;
};

export type AgentHandlers = {
  readonly message: (kind: string, payload: Uint8Array) => void;
  /** Called once, when the connection is gone for whatever reason. */
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
  readonly message: (node: string, kind: string, payload: Uint8Array) => void;
  /** Any traffic at all, pings too: what liveness is made of. */
  readonly seen: (node: string) => void;
  readonly connected: (node: string) => void;
  /** A hint only: a link that was cut says nothing. */
  readonly disconnected: (node: string) => void;
};

/** Largest payload of one message, in bytes; larger things go in chunks. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
