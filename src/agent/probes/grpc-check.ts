import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Clock } from '#lib/clock.ts';
import { durationText } from '../plan/backoff.ts';
import { dialText } from './dial-error.ts';
import { USER_AGENT } from './http-get.ts';
import type { GrpcProbe } from './probe-request.ts';
import type { ProbeOutcome } from './probe-state.ts';

/**
 * A grpc probe: `grpc.health.v1.Health/Check` over HTTP/2 without TLS, the one call there is to make, so its two messages of one field each are written and read here. Never
 * rejects. node:http2 is loaded with the first such probe.
 */
export async function grpcCheck(
  probe: GrpcProbe,
  timeoutMs: number,
  clock: Pick<Clock, 'timer'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { connect } = await import('node:http2');
  const session = connect(`http://${probe.host}:${probe.port}`);
  return check(session, probe, timeoutMs, clock, signal).finally(() => session.destroy());
}

const PATH = '/grpc.health.v1.Health/Check';
const UNIMPLEMENTED = '12';
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** Of an answer of a few bytes. */
const ANSWER_BYTES_MAX = 1024;

function check(
  session: ClientHttp2Session,
  probe: GrpcProbe,
  timeoutMs: number,
  clock: Pick<Clock, 'timer'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { host, port, service } = probe;
  const at = `${host}:${port}`;
  const within = durationText(timeoutMs);
  return new Promise((resolve) => {
    let isConnected = false;
    const end = (outcome: ProbeOutcome) => {
      cancel();
      signal.removeEventListener('abort', giveUp);
      resolve(outcome);
    };
    const fail = (message: string) => end({ result: 'failure', message });
    const giveUp = () => end({ result: 'unknown', message: 'given up' });
    const cancel = clock.timer(timeoutMs, () =>
      fail(
        isConnected
          ? `timeout: health rpc did not complete within ${within}`
          : `timeout: failed to connect service ${JSON.stringify(at)} within ${within}: context deadline exceeded`,
      ),
    );
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) return giveUp();
    const broke = (error: Error) => {
      // A stream tells why its session broke as a cause.
      const why = dialText(host, port, error.cause instanceof Error ? error.cause : error);
      if (isConnected) fail(`error: health rpc probe failed: ${why}`);
      else fail(`error: failed to connect service at ${JSON.stringify(at)}: ${why}`);
    };
    session.on('error', broke);
    session.once('connect', () => (isConnected = true));
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      'user-agent': USER_AGENT,
      te: 'trailers',
    });
    stream.on('error', broke);
    read(stream, (status, message, answer) => end(judge(status, message, answer)));
    stream.end(frame(service));
  });
}

/** One message without compression: its length, then field 1, a text. */
function frame(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function read(stream: ClientHttp2Stream, done: (status: string, message: string, answer: Buffer) => void): void {
  let headers: IncomingHttpHeaders = {};
  let answer: Buffer = Buffer.alloc(0);
  stream.on('response', (found) => (headers = { ...headers, ...found }));
  stream.on('trailers', (found) => (headers = { ...headers, ...found }));
  stream.on('data', (piece: Buffer) => {
    if (answer.length < ANSWER_BYTES_MAX) answer = Buffer.concat([answer, piece]);
  });
  stream.on('close', () => {
    const { 'grpc-status': status, 'grpc-message': message } = headers;
    done(typeof status === 'string' ? status : '', typeof message === 'string' ? message : '', answer);
  });
}

function judge(status: string, message: string, answer: Buffer): ProbeOutcome {
  if (status === UNIMPLEMENTED) {
    const why = `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`;
    return { result: 'failure', message: why };
  }
  if (status !== '0') {
    const why = status === '' ? 'the answer has no grpc-status' : `rpc error: code = ${status} desc = ${message}`;
    return { result: 'failure', message: `error: health rpc probe failed: ${why}` };
  }
  // Field 1, a number; left out where it is 0.
  const found = answer[5] === 0x08 ? (answer[6] ?? 0) : 0;
  const name = STATUSES[found] ?? String(found);
  if (name === 'SERVING') return { result: 'success' };
  return { result: 'failure', message: `service unhealthy (responded with ${JSON.stringify(name)})` };
}
