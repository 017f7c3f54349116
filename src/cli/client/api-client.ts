import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain, hasCode } from '#lib/error.ts';
import { tlsFailure } from '#net/tls/tls-failure.ts';
import type { Connection } from './connection.ts';
import { createProver, type Proof } from './credentials.ts';
import { proxyAgent, proxyFor } from './proxy.ts';

/** The API as the command line uses it, over node:https (the fastest start of all clients: facts in ARCHITECTURE.md), on few kept connections. */
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
const SOCKETS_MAX = 4;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** So that a peer that is gone without a word is noticed while nothing is said. */
const PROBE_MS = 30_000;

/**
 * A failed call rejects with the server's own reason as code and its message as cause, `details.refusal` true; with ServiceUnavailable where no
 * answer came. `timeoutMs`: in place of TIMEOUT_MS. What the server warns of goes to stderr, once each.
 */
export function createApiClient(connection: Connection, outside: ClientOutside, timeoutMs = TIMEOUT_MS): ApiClient {
  const { server, namespace, impersonation } = connection;
  const prover = createProver(connection.credentials, outside);
  const isTls = server.startsWith('https:');
  const proxy = proxyFor(server, connection.proxy, outside.environment);
  const pool = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: 0 };
  const agent = proxy === undefined ? new Agent(pool) : proxyAgent(proxy, pool);
  const told = new Set<string>();

  type Call = { readonly method: string; readonly path: string; readonly accept: string; readonly body?: string };

  const warn = (response: IncomingMessage) => {
    for (const text of warningsOf(response.headers['warning'] ?? ''))
      if (told.size < WARNINGS_MAX && !told.has(text)) {
        told.add(text);
        outside.stderr(`Warning: ${text}\n`);
      }
  };

  const failed = (what: string, error: unknown, signal?: AbortSignal) => unreachable(what, error, outside.clock.now(), signal);

  const begin = async (call: Call, idleMs: number, signal?: AbortSignal): Promise<IncomingMessage> => {
    const proof = await prover.proof();
    const { request: plainRequest } = isTls ? { request } : await import('node:http');
    const what = `${call.method} ${server}${call.path}`;
    return new Promise((resolve, reject) => {
      const sent = (isTls ? request : plainRequest)(
        `${server}${call.path}`,
        {
          method: call.method,
          ...(isTls ? { ...tlsOptions(connection, proof), agent } : { agent: false }),
          ...(signal === undefined ? {} : { signal }),
          timeout: idleMs,
          headers: headersOf(call, proof),
        },
        (response) => {
          warn(response);
          resolve(response);
        },
      );
      sent.on('socket', (socket) => socket.setKeepAlive(true, PROBE_MS));
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${idleMs / 1000} s`)));
      sent.on('error', (error) => reject(failed(what, error, signal)));
      sent.end(call.body);
    });
  };

  const headersOf = ({ accept, body }: Call, { authorization }: Proof) => ({
    accept,
    'accept-encoding': 'gzip',
    'user-agent': 'skerry',
    // Said in words, since Node sends no length with the body of a DELETE.
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...(authorization === undefined ? {} : { authorization }),
    ...impersonation,
  });

  /** The answer's bytes, of a call that was not refused. */
  const answered = async (call: Call, idleMs: number, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> => {
    const what = `${call.method} ${server}${call.path}`;
    const response = await begin(call, idleMs, signal);
    const body = bytesOf(await unzipped(response), (error) => failed(what, error, signal));
    const status = response.statusCode ?? 500;
    if (status < 300) return body;
    const answer = parse(await textOf(body, what));
    if (status === 401 && prover.refused()) return answered(call, idleMs, signal);
    throw refusal(what, status, answer, await whyUnknown(status));
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
      return parse(await textOf(await answered(call, timeoutMs), `${method} ${server}${path}`));
    },
    open: (path, { accept = 'application/json', idleMs, signal }) => answered({ method: 'GET', path, accept }, idleMs, signal),
  };
}

const WARNINGS_MAX = 100;

/** RFC 7234 §5.5, of which servers send code 299 alone. */
function warningsOf(header: string): readonly string[] {
  return [...header.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}

function tlsOptions({ ca, insecure, serverName }: Connection, { cert, key }: Proof) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(insecure ? { rejectUnauthorized: false } : {}),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

async function unzipped(response: IncomingMessage): Promise<AsyncIterable<Uint8Array>> {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const { createGunzip } = await import('node:zlib');
  const { pipeline } = await import('node:stream');
  // Whoever reads the text hears of a failure of either.
  return pipeline(response, createGunzip(), () => undefined);
}

async function* bytesOf(chunks: AsyncIterable<Uint8Array>, failed: (error: unknown) => SkerryError): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw failed(error);
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array>, what: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new SkerryError('RequestEntityTooLarge', `${what}: the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function unreachable(what: string, error: unknown, nowMs: number, signal: AbortSignal | undefined): SkerryError {
  if (signal?.aborted === true) return new SkerryError('Aborted', what, { cause: error });
  if (hasCode(error, 'ServiceUnavailable')) return error;
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
