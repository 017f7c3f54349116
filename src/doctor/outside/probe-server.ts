import { lookup } from 'node:dns/promises';
import { isIP, connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { connectThrough } from '#net/proxy/connect-through.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { connectTls } from '#net/tls/dial.ts';
import { peerKeyHash } from '#net/tls/key-hash.ts';
import type { ProbeAsk } from './outside.ts';

/**
 * Goes to a server as a node does, one step after the other, and tells how far it came and how long each took: name, TCP, proxy, TLS, one
 * question. Nothing secret is told to whoever answers, so nothing is trusted either; whether its key is the right one is for the judge.
 */
export type ServerProbe =
  | {
      readonly type: 'reached';
      /** Undefined for an address, or behind a proxy, which asks for names itself. */
      readonly nameMs?: number;
      readonly tcpMs: number;
      readonly tlsMs: number;
      readonly keyHash: string | undefined;
      /** Its wall clock (whole seconds) less ours. */
      readonly aheadMs?: number;
    }
  | { readonly type: 'failed'; readonly step: 'name' | 'tcp' | 'proxy' | 'tls'; readonly why: string };

const STEP_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 16 * 1024;

type Failed = Extract<ServerProbe, { readonly type: 'failed' }>;

/** A connection to the server, with nothing said on it yet. */
type Way = { readonly type: 'open'; readonly socket: Socket; readonly nameMs?: number; readonly tcpMs: number };

export async function probeServer({ host, port, proxy }: ProbeAsk, clock: Clock, signal: AbortSignal): Promise<ServerProbe> {
  const way = await (proxy === undefined ? goStraight(host, port, clock, signal) : goThrough(proxy, host, port, clock, signal));
  if (way.type === 'failed') return way;
  const { type: _, socket, ...times } = way;
  const from = clock.monotonic();
  try {
    const secure = await connectTls({ host, port, over: socket, alpn: 'http/1.1', timeoutMs: STEP_MS_MAX, clock }, signal);
    const tlsMs = clock.monotonic() - from;
    const keyHash = peerKeyHash(secure);
    const date = await askDate(secure, host, clock);
    return { type: 'reached', ...times, tlsMs, keyHash, ...(date === undefined ? {} : { aheadMs: date - clock.now() }) };
  } catch (error) {
    return { type: 'failed', step: 'tls', why: explain(error) };
  } finally {
    socket.destroy();
  }
}

async function goStraight(host: string, port: number, clock: Clock, signal: AbortSignal): Promise<Way | Failed> {
  const begin = clock.monotonic();
  let address: string;
  try {
    ({ address } = await within(lookup(host), clock));
  } catch (error) {
    return { type: 'failed', step: 'name', why: `${host}: ${explain(error)}` };
  }
  const from = clock.monotonic();
  try {
    const socket = await connectTcp(address, port, clock, signal);
    const name = isIP(host) === 0 ? { nameMs: from - begin } : {};
    return { type: 'open', socket, ...name, tcpMs: clock.monotonic() - from };
  } catch (error) {
    return { type: 'failed', step: 'tcp', why: explain(error) };
  }
}

async function goThrough(proxy: Proxy, host: string, port: number, clock: Clock, signal: AbortSignal): Promise<Way | Failed> {
  const from = clock.monotonic();
  try {
    const socket = await connectThrough(proxy, { host, port, timeoutMs: STEP_MS_MAX, clock }, signal);
    return { type: 'open', socket, tcpMs: clock.monotonic() - from };
  } catch (error) {
    return { type: 'failed', step: 'proxy', why: explain(error) };
  }
}

function connectTcp(host: string, port: number, clock: Clock, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, signal });
  // Between two owners an error must not be fatal.
  socket.on('error', () => undefined);
  const connected = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
  return within(connected, clock).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
}

/** The Date of an answer, in milliseconds since the epoch; undefined where none comes. */
async function askDate(socket: TLSSocket, host: string, clock: Clock): Promise<number | undefined> {
  const answered = readHead(socket);
  socket.write(`GET /version HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const head = await within(answered, clock).catch(() => '');
  const ms = Date.parse(/^date: (.+)$/im.exec(head)?.[1]?.trim() ?? '');
  return Number.isFinite(ms) ? ms : undefined;
}

function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) end(() => resolve(text.slice(0, text.indexOf('\r\n\r\n'))));
      else if (text.length > ANSWER_BYTES_MAX) end(() => reject(new Error('its answer has no end')));
    };
    const closed = () => end(() => reject(new Error('it closed the connection')));
    const end = (act: () => void) => {
      socket.off('data', read).off('close', closed);
      act();
    };
    socket.on('data', read).on('close', closed);
  });
}

function within<T>(work: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(STEP_MS_MAX, () => reject(new Error(`no answer within ${STEP_MS_MAX / 1000} s`)));
    work.then(resolve, reject).finally(cancel);
  });
}
