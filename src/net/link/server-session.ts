import type { TLSSocket } from 'node:tls';
import { generate, parser, type IConnectPacket, type IPublishPacket, type ISubscribePacket, type Packet } from 'mqtt-packet';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import { createFrameGuard } from './frame-guard.ts';
import { createTokenBucket } from './token-bucket.ts';
import { BYE, encodeBye, isNodeName, kindOf, topicFilter, topicOf, type Bye } from './topic.ts';
import { CONGESTED_BYTES, KEEPALIVE_SECONDS_MAX, PAYLOAD_BYTES_MAX, type SendResult } from './transport.ts';

/**
 * One node's connection on the server: the part of MQTT 3.1.1 that the link needs and nothing else. Clean sessions, QoS 0 and 1, no
 * wills, no retained messages, no queue of its own: what can not be written to the socket is the caller's to send later.
 */
export type SessionHandlers = {
  readonly connected: () => void;
  readonly ready: () => void;
  readonly seen: () => void;
  readonly message: (kind: string, payload: Uint8Array) => void;
  /** Once: nothing is sent or taken any more. */
  readonly ended: (why: string) => void;
  /** Once, after that: the socket is gone. */
  readonly closed: () => void;
};

export type ServerSession = {
  readonly send: (kind: string, payload: Uint8Array) => SendResult;
  readonly end: (bye: Bye) => void;
};

export type SessionIdentity = { readonly node: string } | { readonly refused: string };

export type SessionContext = {
  readonly cluster: string;
  readonly identity: SessionIdentity;
  readonly clock: Clock;
  readonly handlers: SessionHandlers;
};

/** Payload, topic and packet id. */
const FRAME_BYTES_MAX = PAYLOAD_BYTES_MAX + 1_024;
/** What MQTT allows a client beyond its keepalive (§3.1.2.10). */
const KEEPALIVE_GRACE = 1.5;
const SUBSCRIPTIONS_MAX = 2;
const MESSAGES_PER_SECOND = 500;
const MESSAGES_BURST = 2_000;
/** How long a new connection may take to send its CONNECT. */
const FIRST_PACKET_MS = 10_000;
/** How long a socket may take to carry away a last message. */
const LINGER_MS = 2_000;
const ACCEPTED = 0;
const WRONG_VERSION = 1;
const WRONG_CLIENT_ID = 2;
const SUBSCRIPTION_REFUSED = 0x80;

export function serveSession(socket: TLSSocket, context: SessionContext): ServerSession {
  const { cluster, identity, clock, handlers } = context;
  const guard = createFrameGuard(FRAME_BYTES_MAX);
  const reader = parser({ protocolVersion: 4 });
  const bucket = createTokenBucket(MESSAGES_PER_SECOND, MESSAGES_BURST, clock);
  let state: 'new' | 'connected' | 'ready' | 'ended' = 'new';
  let node = '';
  let subscriptions = 0;
  let lastMs = clock.monotonic();
  let silenceMsMax = FIRST_PACKET_MS;
  let cancelWatchdog = () => {};
  let cancelLinger = () => {};
  let cancelPause = () => {};

  const write = (packet: Packet) => {
    if (!socket.destroyed && socket.writable) socket.write(generate(packet));
  };
  const publish = (kind: string, payload: Uint8Array) =>
    write({
      cmd: 'publish',
      topic: topicOf(cluster, node, 'dn', kind),
      payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      qos: 0,
      dup: false,
      retain: false,
    });

  const finish = (reason: string) => {
    if (state === 'ended') return;
    state = 'ended';
    cancelWatchdog();
    cancelPause();
    handlers.ended(reason);
    // What still comes in is not looked at, but read, so that the end of the stream is seen.
    socket.resume();
    socket.end();
    cancelLinger = clock.timer(LINGER_MS, () => socket.destroy());
  };
  const end = (bye: Bye) => {
    if (state === 'ended') return;
    if (state !== 'new') publish(BYE, encodeBye(bye));
    finish(bye.reason);
  };
  const cut = (reason: string) => {
    finish(reason);
    socket.destroy();
  };

  // One timer that looks again at what is left of the silence, instead of one set anew with every packet.
  const watch = () => {
    const silentMs = clock.monotonic() - lastMs;
    if (silentMs >= silenceMsMax) cut(`nothing came from it for ${Math.round(silentMs)} ms`);
    else cancelWatchdog = clock.timer(silenceMsMax - silentMs, watch);
  };

  const refuseConnect = (returnCode: number, reason: string) => {
    write({ cmd: 'connack', returnCode, sessionPresent: false });
    finish(reason);
  };
  const onConnect = (packet: IConnectPacket) => {
    if (packet.protocolVersion !== 4) return refuseConnect(WRONG_VERSION, 'it does not speak MQTT 3.1.1');
    if (!isNodeName(packet.clientId)) return refuseConnect(WRONG_CLIENT_ID, 'its client id is no node name');
    node = packet.clientId;
    const problem = connectProblem(packet, identity);
    write({ cmd: 'connack', returnCode: ACCEPTED, sessionPresent: false });
    state = 'connected';
    if (problem !== undefined) return end({ code: 'Unauthorized', reason: problem });
    silenceMsMax = (packet.keepalive ?? 0) * 1_000 * KEEPALIVE_GRACE;
    cancelWatchdog();
    watch();
    return handlers.connected();
  };
  const onSubscribe = (packet: ISubscribePacket) => {
    subscriptions += packet.subscriptions.length;
    if (subscriptions > SUBSCRIPTIONS_MAX) return cut(`it subscribes to more than ${SUBSCRIPTIONS_MAX} topics`);
    const own = topicFilter(cluster, node, 'dn');
    const granted = packet.subscriptions.map(({ topic }) => (topic === own ? 0 : SUBSCRIPTION_REFUSED));
    write({ cmd: 'suback', ...idOf(packet), granted });
    if (state === 'ready' || !granted.includes(0)) return undefined;
    state = 'ready';
    return handlers.ready();
  };
  const onPublish = (packet: IPublishPacket) => {
    const kind = kindOf(packet.topic, cluster, node, 'up');
    if (kind === undefined) return cut(`it publishes to ${packet.topic}, which is not its own`);
    if (packet.qos === 2) return cut('it publishes at QoS 2');
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    if (payload.length > PAYLOAD_BYTES_MAX) return cut(`a message has ${payload.length} bytes, more than ${PAYLOAD_BYTES_MAX}`);
    handlers.message(kind, payload);
    if (packet.qos === 1) write({ cmd: 'puback', ...idOf(packet) });
    return undefined;
  };
  const onPacket = (packet: Packet) => {
    if (state === 'ended') return undefined;
    if (state === 'new') return packet.cmd === 'connect' ? onConnect(packet) : cut(`it begins with ${packet.cmd}`);
    switch (packet.cmd) {
      case 'pingreq':
        return write({ cmd: 'pingresp' });
      case 'publish':
        return onPublish(packet);
      case 'subscribe':
        return onSubscribe(packet);
      case 'puback':
        return undefined;
      case 'disconnect':
        return finish('the node disconnected');
      case 'auth':
      case 'connack':
      case 'connect':
      case 'pingresp':
      case 'pubcomp':
      case 'pubrec':
      case 'pubrel':
      case 'suback':
      case 'unsuback':
      case 'unsubscribe':
        return cut(`it sends ${packet.cmd}, which has no place here`);
    }
  };

  const onData = (chunk: Buffer) => {
    if (state === 'ended') return;
    // Before CONNECT bytes alone buy no time.
    if (state !== 'new') lastMs = clock.monotonic();
    let packets: readonly Packet[];
    try {
      guard.check(chunk);
      packets = parse(reader, chunk);
    } catch (error) {
      cut(explain(error));
      return;
    }
    if (state !== 'new') handlers.seen();
    for (const packet of packets) onPacket(packet);
    const waitMs = packets.length === 0 ? 0 : bucket.take(packets.length);
    if (waitMs === 0 || socket.destroyed) return;
    socket.pause();
    cancelPause = clock.timer(waitMs, () => {
      // The silence was ours.
      lastMs = clock.monotonic();
      socket.resume();
    });
  };

  socket.on('data', onData);
  socket.on('error', (error) => finish(error.message));
  socket.on('end', () => finish('the node ended the connection'));
  socket.on('close', () => {
    finish('the connection is gone');
    cancelLinger();
    handlers.closed();
  });
  socket.setNoDelay(true);
  watch();

  return {
    end,
    send: (kind, payload) => {
      if (state !== 'ready') return 'offline';
      if (payload.length > PAYLOAD_BYTES_MAX) throw tooLong(payload.length);
      if (socket.writableLength > 0 && socket.writableLength + payload.length > CONGESTED_BYTES) return 'congested';
      publish(kind, payload);
      return 'sent';
    },
  };
}

export function tooLong(bytes: number): SkerryError {
  return new SkerryError('Bug', `send a link message: it has ${bytes} bytes, more than ${PAYLOAD_BYTES_MAX}`);
}

/** Why this connection can not be let in although it speaks our language. */
function connectProblem(packet: IConnectPacket, identity: SessionIdentity): string | undefined {
  if ('refused' in identity) return identity.refused;
  if (packet.clientId !== identity.node)
    return `this key is that of node "${identity.node}", but it calls itself "${packet.clientId}"`;
  const keepalive = packet.keepalive ?? 0;
  if (keepalive < 1 || keepalive > KEEPALIVE_SECONDS_MAX)
    return `keepalive is ${keepalive} s, it must be between 1 s and ${KEEPALIVE_SECONDS_MAX} s`;
  return packet.will === undefined ? undefined : 'wills are not accepted';
}

function idOf({ messageId }: { readonly messageId?: number }): { readonly messageId: number } {
  return { messageId: messageId ?? 0 };
}

/** The packets that `chunk` completes. Throws BadFrame on anything that is not MQTT. */
function parse(reader: ReturnType<typeof parser>, chunk: Buffer): readonly Packet[] {
  const packets: Packet[] = [];
  let failure: unknown;
  const onPacket = (packet: Packet) => void packets.push(packet);
  const onError = (error: unknown) => (failure = error);
  reader.on('packet', onPacket);
  reader.on('error', onError);
  try {
    reader.parse(chunk);
  } catch (error) {
    failure = error;
  }
  reader.off('packet', onPacket);
  reader.off('error', onError);
  if (failure !== undefined) throw new SkerryError('BadFrame', 'read an MQTT packet', { cause: failure });
  return packets;
}
