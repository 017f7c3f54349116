import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import { bytesOfKey, type NameKey } from './name.ts';
import { readReply, type Reply } from './reply.ts';
import { CLASS_IN, FLAG, HEADER_BYTES, OPT_BYTES, OPT_DNSSEC_OK, RCODE, TYPE, UDP_BYTES_MAX } from './wire.ts';

/**
 * One question to one name server. Each from a socket of its own, so from a port that nobody can guess, with an id that nobody can guess, and connected, so that the
 * kernel takes answers from nobody else and says at once when there is nobody. Nothing here waits for a thread of libuv's pool, where the ledger's syncs are.
 */
export type Upstream = { readonly address: string; readonly port: number };

export type Question = {
  readonly key: NameKey;
  readonly type: number;
  readonly dnssecOk: boolean;
  /** The client checks signatures itself. */
  readonly unchecked: boolean;
};

/** Throws ResolverSilent where no answer came, whatever the reason. An abort is one, too. */
export type Exchange = (to: Upstream, question: Question, signal: AbortSignal) => Promise<Reply>;

export const ANSWER_MS_MAX = 2_000;
/** A datagram may be lost. */
const RESEND_MS = 800;
/** Of somebody who guesses. */
const FORGED_MAX = 32;

export function createExchange(clock: Clock, ids: Pick<Ids, 'bytes'>): Exchange {
  const ask = async (to: Upstream, question: Question, withEdns: boolean, signal: AbortSignal): Promise<Reply> => {
    const id = Buffer.from(ids.bytes(2)).readUInt16BE();
    const message = encodeQuestion(id, question, withEdns);
    const asked = { id, key: question.key, type: question.type };
    const answer = await overUdp(
      to,
      message,
      (bytes) => readReply(bytes, asked) ?? (isOldServer(bytes, id) ? 'old' : undefined),
      clock,
      signal,
    );
    if (answer === 'old' || (withEdns && answer.rcode === RCODE.formatError)) {
      if (withEdns) return ask(to, question, false, signal);
      throw silent(to, new Error('it answers with a format error'));
    }
    if (!answer.isTruncated) return answer;
    // Where that does not go, what there is is better than nothing.
    return overTcp(to, message, (bytes) => readReply(bytes, asked), clock, signal).catch(() => answer);
  };
  return (to, question, signal) => ask(to, question, true, signal);
}

function encodeQuestion(id: number, { key, type, dnssecOk, unchecked }: Question, withEdns: boolean): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + key.length + 4 + (withEdns ? OPT_BYTES : 0));
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(FLAG.wanted | (unchecked ? FLAG.unchecked : 0), 2);
  message.writeUInt16BE(1, 4);
  bytesOfKey(key).copy(message, HEADER_BYTES);
  const end = HEADER_BYTES + key.length;
  message.writeUInt16BE(type, end);
  message.writeUInt16BE(CLASS_IN, end + 2);
  if (!withEdns) return message;
  message.writeUInt16BE(1, 10);
  message.writeUInt16BE(TYPE.OPT, end + 5);
  message.writeUInt16BE(UDP_BYTES_MAX, end + 7);
  message.writeUInt32BE(dnssecOk ? OPT_DNSSEC_OK : 0, end + 9);
  return message;
}

/** One that knows no EDNS may not even repeat the question. */
function isOldServer(bytes: Buffer, id: number): boolean {
  return (
    bytes.length >= HEADER_BYTES &&
    bytes.readUInt16BE(0) === id &&
    (bytes.readUInt16BE(2) & FLAG.response) !== 0 &&
    bytes.readUInt16BE(4) === 0 &&
    (bytes.readUInt16BE(2) & 0xf) === RCODE.formatError
  );
}

function overUdp<T>(
  to: Upstream,
  message: Buffer,
  read: (bytes: Buffer) => T | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const type = to.address.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, lookup: (address, _options, found) => found(null, address, type === 'udp6' ? 6 : 4) });
    let forged = 0;
    const settle = (end: () => void) => {
      cancelEnd();
      cancelResend();
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners();
      // What may yet come of a socket that is being closed concerns nobody.
      socket.on('error', () => undefined);
      socket.close();
      end();
    };
    const fail = (error: Error) => settle(() => reject(silent(to, error)));
    const abort = () => fail(new Error('no longer asked for'));
    const cancelEnd = clock.timer(ANSWER_MS_MAX, () => fail(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    const cancelResend = clock.timer(RESEND_MS, () => send());
    const send = () => socket.send(message, (error) => (error === null ? undefined : fail(error)));
    socket.on('error', fail);
    socket.on('message', (bytes) => {
      const answer = read(bytes);
      if (answer !== undefined) return settle(() => resolve(answer));
      forged += 1;
      if (forged >= FORGED_MAX) fail(new Error(`${FORGED_MAX} datagrams that are no answers`));
    });
    socket.on('connect', send);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) return abort();
    socket.connect(to.port, to.address);
  });
}

function overTcp(
  to: Upstream,
  message: Buffer,
  read: (bytes: Buffer) => Reply | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.address, port: to.port });
    let received: Buffer = Buffer.alloc(0);
    const settle = (end: () => void) => {
      cancelEnd();
      signal.removeEventListener('abort', abort);
      socket.destroy();
      end();
    };
    const fail = (error: Error) => settle(() => reject(silent(to, error)));
    const abort = () => fail(new Error('no longer asked for'));
    const cancelEnd = clock.timer(ANSWER_MS_MAX, () => fail(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    socket.on('error', fail);
    socket.on('end', () => fail(new Error('it hung up')));
    socket.on('connect', () => socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message])));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = read(received.subarray(2, 2 + received.readUInt16BE(0)));
      if (answer === undefined) fail(new Error('what it says is no answer'));
      else settle(() => resolve(answer));
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

function silent({ address, port }: Upstream, cause: unknown): SkerryError {
  return new SkerryError('ResolverSilent', `ask the name server ${address}${port === 53 ? '' : ` port ${port}`}`, { cause });
}
