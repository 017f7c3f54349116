import type { TLSSocket } from 'node:tls';
import type { MqttClient } from 'mqtt';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import { createDialer, type DialTarget } from '../tls/dial.ts';
import { BYE, byeError, kindOf, topicFilter, topicOf } from './topic.ts';
import {
  CONGESTED_BYTES,
  CONNECT_TIMEOUT_MS,
  PAYLOAD_BYTES_MAX,
  type AgentConnection,
  type AgentHandlers,
  type AgentTransport,
} from './transport.ts';

/**
 * The agent's end of the link on MQTT.js, which here has no queue, no reconnect and no memory: a new client per connection, on a TLS
 * socket whose key has been compared before the first byte is written (measured). QoS 0: the protocol above acknowledges.
 */
export type AgentTransportOptions = DialTarget & {
  readonly cluster: string;
  readonly node: string;
  /** Whole seconds between pings of an idle connection; after 1.5 times that without an answer it is dead. */
  readonly keepaliveSeconds: number;
  readonly clock: Clock;
};

export function createAgentTransport(options: AgentTransportOptions): AgentTransport {
  const dialer = createDialer(options, options.clock);
  return {
    connect: async (handlers, signal) => {
      const mqtt = await import('mqtt');
      const socket = await dialer.dial('mqtt', CONNECT_TIMEOUT_MS, signal);
      const client = new mqtt.MqttClient(() => socket, {
        clientId: options.node,
        protocolVersion: 4,
        clean: true,
        keepalive: options.keepaliveSeconds,
        reschedulePings: true,
        reconnectPeriod: 0,
        connectTimeout: CONNECT_TIMEOUT_MS,
        queueQoSZero: false,
        resubscribe: false,
        writeCache: false,
      });
      return await establish(client, socket, options, handlers, signal);
    },
  };
}

/** Waits for the subscription; from then on the connection is the caller's. */
function establish(
  client: MqttClient,
  socket: TLSSocket,
  { cluster, node, host, port, clock }: AgentTransportOptions,
  handlers: AgentHandlers,
  signal: AbortSignal,
): Promise<AgentConnection> {
  const where = `connect node "${node}" to ${hostPort({ host, port })}`;
  return new Promise((resolve, reject) => {
    let state: 'connecting' | 'ready' | 'closed' = 'connecting';
    let why: Error | undefined;
    const close = (error: Error, release = cut) => {
      if (state === 'closed') return;
      const wasReady = state === 'ready';
      state = 'closed';
      cancelTimer();
      signal.removeEventListener('abort', aborted);
      release();
      if (wasReady)
        handlers.closed(error instanceof SkerryError ? error : new SkerryError('Unreachable', where, { cause: error }));
      else reject(connectError(where, error));
    };
    const cut = () => {
      client.end(true);
      socket.destroy();
    };
    /** With a word to the server, which then knows at once. */
    const leave = () => {
      client.end(false);
      clock.timer(LINGER_MS, cut);
    };
    const aborted = () => close(new SkerryError('Aborted', 'stopped'));
    const cancelTimer = clock.timer(CONNECT_TIMEOUT_MS, () =>
      close(new SkerryError('Unreachable', `no subscription within ${CONNECT_TIMEOUT_MS} ms`)),
    );

    client.on('error', (error) => (why ??= error));
    client.on('close', () => close(why ?? new SkerryError('Unreachable', 'the connection is gone')));
    client.on('message', (topic, payload) => {
      const kind = kindOf(topic, cluster, node, 'dn');
      if (state === 'closed' || kind === undefined) return;
      if (kind === BYE) close(byeError(payload));
      else handlers.message(kind, payload);
    });
    client.on('connect', () => {
      client.subscribe(topicFilter(cluster, node, 'dn'), { qos: 0 }, (error, granted) => {
        if (state !== 'connecting') return;
        if (error != null) return close(why ?? error);
        if (granted?.[0]?.qos === SUBSCRIPTION_REFUSED)
          return close(new SkerryError('Unauthorized', 'the subscription was refused'));
        state = 'ready';
        cancelTimer();
        signal.removeEventListener('abort', aborted);
        return resolve(connection);
      });
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });

    const connection: AgentConnection = {
      send: (kind, payload) => {
        if (state !== 'ready' || !client.connected) return 'offline';
        if (payload.length > PAYLOAD_BYTES_MAX)
          throw new SkerryError('Bug', `send a link message: it has ${payload.length} bytes, more than ${PAYLOAD_BYTES_MAX}`);
        if (socket.writableLength > 0 && socket.writableLength + payload.length > CONGESTED_BYTES) return 'congested';
        client.publish(topicOf(cluster, node, 'up', kind), bufferOf(payload), { qos: 0 });
        return 'sent';
      },
      close: () => close(new SkerryError('Closed', 'closed by this side'), leave),
    };
  });
}

const SUBSCRIPTION_REFUSED = 0x80;
/** How long the socket may take to carry away what was sent before a close. */
const LINGER_MS = 2_000;

function connectError(where: string, cause: Error): SkerryError {
  if (hasCode(cause, 'Unauthorized', 'Aborted')) return new SkerryError(cause.code, where, { cause });
  // MQTT.js gives the CONNACK's number as `code`: 2, 4 and 5 are refusals, 3 is a server that is busy.
  const refused = 'code' in cause && (cause.code === 2 || cause.code === 4 || cause.code === 5);
  return new SkerryError(refused ? 'Unauthorized' : 'Unreachable', where, { cause });
}

function bufferOf(payload: Uint8Array): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
