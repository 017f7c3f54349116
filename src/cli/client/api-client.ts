import type { Readable } from 'node:stream';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain, hasCode } from '#lib/error.ts';
import { tlsFailure } from '#net/tls/tls-failure.ts';
import type { Connection } from './connection.ts';
import { createConnections } from './connections.ts';
import { createProver, type Proof } from './credentials.ts';
import { exchange, type Answer } from './exchange.ts';
import { proxyTo } from './proxy.ts';

/** The API as the command line uses it, over HTTP/1.1 of its own (exchange.ts: the fastest start of all clients), on few kept connections. */
export type ApiClient = {
  /** The namespace that is meant where none is given. */
  readonly namespace: string;
  /** The answer parsed; what is no JSON is given as text. */
  readonly send: (method: string, path: string, body?: unknown, options?: SendOptions) => Promise<unknown>;
  /** The answer as it comes; without an end of its own, so without a limit of time but `idleMs`. */
  readonly open: (path: string, options: OpenOptions) => Promise<AsyncIterable<Uint8Array>>;
};

export type SendOptions = { readonly accept?: string };

/** `idleMs`: how long nothing may be heard; 0: for ever. */
export type OpenOptions = { readonly accept?: string; readonly idleMs: number; readonly signal: AbortSignal };

export type ClientOutside = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly stderr: (text: string) => void;
  readonly interactive: () => boolean;
};

/** How long a call waits with nothing heard. */
const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/**
 * A failed call rejects with the server's own reason as code and its message as cause, `details.refusal` true; with ServiceUnavailable where no
 * answer came. `timeoutMs`: in place of TIMEOUT_MS. What the server warns of goes to stderr, once each.
 */
export function createApiClient(connection: Connection, outside: ClientOutside, timeoutMs = TIMEOUT_MS): ApiClient {
  const { server, namespace, impersonation } = connection;
  const prover = createProver(connection.credentials, outside);
  const connections = createConnections(connection, proxyTo(server, connection.proxy, outside.environment));
  const { host, pathname } = new URL(server);
  const root = pathname.replace(/\/+$/, '');
  const told = new Set<string>();

  type Call = { readonly method: string; readonly path: string; readonly accept: string; readonly body?: string };

  const warn = ({ headers }: Answer) => {
    for (const text of warningsOf(headers.get('warning') ?? ''))
      if (told.size < WARNINGS_MAX && !told.has(text)) {
        told.add(text);
        outside.stderr(`Warning: ${text}\n`);
      }
  };

  const failed = (what: string, error: unknown, signal?: AbortSignal) => unreachable(what, error, outside.clock.now(), signal);

  const begin = async (call: Call, idleMs: number, signal?: AbortSignal): Promise<Answer> => {
    const proof = await prover.proof();
    const { method, path, body } = call;
    try {
      const patience = { clock: outside.clock, idleMs };
      const socket = await connections.take(proof, patience, signal);
      const abort = () => socket.destroy(new Error('it was stopped'));
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
      const question = {
        method,
        target: `${root}${path}`,
        headers: headersOf(call, proof),
        ...(body === undefined ? {} : { body }),
      };
      const answer = await exchange(socket, question, patience, (reusable) => {
        signal?.removeEventListener('abort', abort);
        connections.release(socket, proof, reusable);
      });
      warn(answer);
      return answer;
    } catch (error) {
      throw failed(`${method} ${server}${path}`, error, signal);
    }
  };

  const headersOf = ({ accept, body }: Call, { authorization }: Proof) => ({
    host,
    accept,
    'accept-encoding': 'gzip',
    'user-agent': 'skerry',
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    ...(authorization === undefined ? {} : { authorization }),
    ...impersonation,
  });

  /** The answer's bytes, of a call that was not refused. `failed` tells of one that ends too early. */
  const answered = async (call: Call, idleMs: number, signal?: AbortSignal): Promise<Readable> => {
    const answer = await begin(call, idleMs, signal);
    const body = await unzipped(answer);
    const { status } = answer;
    if (status < 300) return body;
    const what = `${call.method} ${server}${call.path}`;
    const said = parse(await textOf(body, what, (error) => failed(what, error, signal)));
    if (status === 401 && prover.refused()) return answered(call, idleMs, signal);
    throw refusal(what, status, said, await whyUnknown(status));
  };

  /** A server that knows no user says so by what nobody may do, which does not tell why it knows none. */
  const whyUnknown = async (status: number): Promise<string | undefined> => {
    if (status !== 401 && status !== 403) return undefined;
    const { outdatedCertificate } = await import('./outdated-certificate.ts');
    return outdatedCertificate(connection.credentials.certificate, outside.clock.now());
  };

  return {
    namespace,
    send: async (method, path, body, { accept = 'application/json' } = {}) => {
      const call = { method, path, accept, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const what = `${method} ${server}${path}`;
      return parse(await textOf(await answered(call, timeoutMs), what, (error) => failed(what, error)));
    },
    open: async (path, { accept = 'application/json', idleMs, signal }) => {
      const body = await answered({ method: 'GET', path, accept }, idleMs, signal);
      return bytesOf(body, (error) => failed(`GET ${server}${path}`, error, signal));
    },
  };
}

const WARNINGS_MAX = 100;

/** RFC 7234 §5.5, of which servers send code 299 alone. */
function warningsOf(header: string): readonly string[] {
  return [...header.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}

async function unzipped({ headers, body }: Answer): Promise<Readable> {
  if (headers.get('content-encoding') !== 'gzip') return body;
  const { createGunzip } = await import('node:zlib');
  const { pipeline } = await import('node:stream');
  // Whoever reads the text hears of a failure of either.
  return pipeline(body, createGunzip(), () => undefined);
}

async function* bytesOf(chunks: AsyncIterable<Uint8Array>, failed: (error: unknown) => SkerryError): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw failed(error);
  }
}

/** By events: to read one answer by `for await` takes a command 2 ms more. */
function textOf(body: Readable, what: string, failed: (error: unknown) => SkerryError): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    body
      .on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        if (bytes <= ANSWER_BYTES_MAX) return;
        reject(new SkerryError('RequestEntityTooLarge', `${what}: the answer is longer than ${ANSWER_BYTES_MAX} bytes`));
        body.destroy();
      })
      .on('error', (error) => reject(failed(error)))
      .on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
  });
}

function unreachable(what: string, error: unknown, nowMs: number, signal: AbortSignal | undefined): SkerryError {
  if (signal?.aborted === true) return new SkerryError('Aborted', what, { cause: error });
  if (hasCode(error, 'ServiceUnavailable')) return error;
  // Of a proxy, which says what it is.
  if (hasCode(error, 'Unreachable')) return new SkerryError('ServiceUnavailable', what, { cause: error });
  const failure = error instanceof Error ? error : new Error(explain(error));
  const cause = tlsFailure(failure, nowMs);
  return new SkerryError('ServiceUnavailable', cause === failure ? `${what} (is the server running?)` : what, { cause });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: a proxy's page, or a plain-text 404. The text itself is the best explanation there is.
    return text;
  }
}

/** Of a page that is no Status. */
const PAGE_LENGTH_MAX = 1_000;

/** `hint`: what this side knows of it. */
function refusal(what: string, status: number, answer: unknown, hint: string | undefined): SkerryError {
  const { reason, message, details } =
    typeof answer === 'object' && answer !== null
      ? // Sound: fields of any object may be read; what is read is looked at.
        (answer as { readonly reason?: unknown; readonly message?: unknown; readonly details?: unknown })
      : {};
  const text = typeof message === 'string' ? message : `HTTP ${status}: ${String(answer).trim().slice(0, PAGE_LENGTH_MAX)}`;
  return new SkerryError(typeof reason === 'string' && reason !== '' ? reason : 'ServiceUnavailable', what, {
    cause: new Error(hint === undefined ? text : `${text} (${hint})`),
    details: { refusal: true, status, ...(typeof details === 'object' && details !== null ? { details } : {}) },
  });
}
