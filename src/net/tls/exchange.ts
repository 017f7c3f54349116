import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { connectTls } from './dial.ts';
import { certificateKeyHash } from './key-hash.ts';

/** One small request and its answer, on a connection of its own whose server is looked at before anything is written. */
export type ServerAddress = { readonly host: string; readonly port: number };

export type ExchangeCall = {
  readonly server: ServerAddress;
  readonly proxy?: Proxy | undefined;
  readonly clock: Clock;
  /** PEM, to be shown. */
  readonly key?: string;
  readonly certificate?: string;
};

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 256 * 1024;

export type Reply = { readonly status: number; readonly body: string; readonly serverKeyHash: string };

export type Ask = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
  /** Throws before anything is written. */
  readonly trust: (shown: X509Certificate) => void;
};

/** Rejects with Unreachable or Aborted, or with what `trust` throws. */
export async function exchange(
  { server, clock, ...own }: ExchangeCall,
  ask: Ask,
  where: string,
  signal: AbortSignal,
): Promise<Reply> {
  const { request } = await import('node:http');
  const socket = await connectTls({ ...server, ...own, alpn: 'http/1.1', timeoutMs: TIMEOUT_MS, clock }, signal);
  // To be asked for once only, see key-hash.ts.
  const shown = socket.getPeerX509Certificate();
  try {
    if (shown === undefined) throw new SkerryError('WrongServer', `${where}: it shows no certificate`);
    ask.trust(shown);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const serverKeyHash = certificateKeyHash(shown);
  return new Promise<Reply>((resolve, reject) => {
    const settle = (act: () => void) => {
      cancel();
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      act();
    };
    const fail = (cause: Error) => settle(() => reject(new SkerryError('Unreachable', where, { cause })));
    const aborted = () => settle(() => reject(new SkerryError('Aborted', `${where}: stopped`)));
    const cancel = clock.timer(TIMEOUT_MS, () => fail(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    signal.addEventListener('abort', aborted, { once: true });
    const { method, path, body } = ask;
    const headers = { host: server.host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ createConnection: () => socket, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) fail(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () =>
        settle(() => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), serverKeyHash })),
      );
    });
    call.on('error', fail);
    call.end(body);
  });
}

/** The server's own words, from its Status. */
export function refusal(where: string, { status, body }: Reply): SkerryError {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    said = undefined;
  }
  const has = (field: 'reason' | 'message'): string | undefined => {
    // Sound: any field of an object may be read; what is no text is left out.
    const value = typeof said === 'object' && said !== null ? (said as Record<string, unknown>)[field] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return new SkerryError(has('reason') ?? 'Unreachable', `${where}: ${has('message') ?? `it answered with HTTP ${status}`}`);
}
