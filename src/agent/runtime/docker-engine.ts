import type { IncomingMessage } from 'node:http';
import Docker from 'dockerode';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * Calls to a Docker-compatible engine over its socket, through dockerode, each with a time limit and errors of ours (runtime.ts). The API version is
 * settled once per life of the engine: the oldest it still serves, from 1.41 up, so that all engines are spoken to alike.
 */
export type Engine = {
  readonly call: (request: EngineRequest, signal: AbortSignal) => Promise<unknown>;
  /** The answer as it comes. The time limit is for its beginning only. */
  readonly stream: (request: EngineRequest, signal: AbortSignal) => Promise<IncomingMessage>;
};

export type EngineRequest = {
  /** For the error message: `create container web`. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent as it is, a tar archive. */
  readonly file?: Uint8Array;
  readonly registryAuth?: string;
  readonly timeoutMs?: number;
  /** Answers that are no error. Default: 200, 201, 204. */
  readonly accepts?: readonly number[];
};

export const CALL_MS_MAX = 120_000;
export const QUICK_CALL_MS_MAX = 15_000;
const API_VERSION_MIN = [1, 41] as const;

export function createEngine({ socketPath, clock }: { readonly socketPath: string; readonly clock: Clock }): Engine {
  const docker = new Docker({ socketPath });
  let version: string | undefined;

  const negotiate = async (signal: AbortSignal): Promise<string> => {
    if (version !== undefined) return version;
    const request: EngineRequest = { what: 'ask the engine for its version', method: 'GET', path: '/version' };
    const answer = await dial(docker, clock, { ...request, timeoutMs: QUICK_CALL_MS_MAX }, false, signal);
    version = chooseVersion(field(answer, 'ApiVersion'), field(answer, 'MinAPIVersion'));
    return version;
  };

  const send = async (request: EngineRequest, isStream: boolean, signal: AbortSignal): Promise<unknown> => {
    const prefix = await negotiate(signal);
    try {
      return await dial(docker, clock, { ...request, path: `/v${prefix}${request.path}` }, isStream, signal);
    } catch (error) {
      // Another engine may answer at this socket the next time.
      if (error instanceof SkerryError && error.code === 'EngineAbsent') version = undefined;
      throw error;
    }
  };

  return {
    call: (request, signal) => send(request, false, signal),
    // dockerode gives the response itself for streams.
    stream: (request, signal) => send(request, true, signal) as Promise<IncomingMessage>,
  };
}

/** The oldest version that both sides serve. */
export function chooseVersion(newest: unknown, oldest: unknown): string {
  const top = versionOf(newest);
  if (top === undefined || compare(top, API_VERSION_MIN) < 0) {
    const needed = API_VERSION_MIN.join('.');
    throw new SkerryError(
      'EngineTooOld',
      `the engine speaks API ${String(newest)}; ${needed} or newer is needed (Docker 20.10 and up)`,
    );
  }
  const least = versionOf(oldest) ?? API_VERSION_MIN;
  return (compare(least, API_VERSION_MIN) > 0 ? least : API_VERSION_MIN).join('.');
}

function versionOf(text: unknown): readonly [number, number] | undefined {
  const match = typeof text === 'string' ? /^(\d+)\.(\d+)/.exec(text) : null;
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

type Dial = (options: Record<string, unknown>, callback: (error: unknown, answer: unknown) => void) => void;

const ACCEPTED = [200, 201, 204];

function dial(docker: Docker, clock: Clock, request: EngineRequest, isStream: boolean, signal: AbortSignal): Promise<unknown> {
  const timeoutMs = request.timeoutMs ?? CALL_MS_MAX;
  const abort = new AbortController();
  let timedOut = false;
  const query = Object.keys(request.query ?? {}).length === 0 ? '' : `?${new URLSearchParams(request.query).toString()}`;
  // dockerode's types know nothing of its modem; this is the one method of it we use.
  const modem = docker.modem as unknown as { readonly dial: Dial };
  return new Promise((resolve, reject) => {
    const stop = () => abort.abort();
    const cancel = clock.timer(timeoutMs, () => {
      timedOut = true;
      abort.abort();
    });
    signal.addEventListener('abort', stop, { once: true });
    const settle = (error: unknown, answer: unknown) => {
      cancel();
      // A stream goes on after its beginning: the caller's abort must still reach it.
      if (!isStream || error !== null) signal.removeEventListener('abort', stop);
      if (error === null) resolve(answer);
      else reject(engineError(request, error, timedOut ? timeoutMs : undefined, signal));
    };
    if (signal.aborted) abort.abort();
    modem.dial(
      {
        path: `${request.path}${query}`,
        method: request.method,
        isStream,
        statusCodes: Object.fromEntries((request.accepts ?? ACCEPTED).map((code) => [code, true])),
        abortSignal: abort.signal,
        // dockerode adds options to a path with a query, and cuts off its last letter where there are none: so always none but a body.
        options: { _query: {}, _body: request.body ?? {} },
        ...(request.file === undefined ? {} : { file: Buffer.from(request.file) }),
        ...(request.registryAuth === undefined ? {} : { authconfig: { base64: request.registryAuth } }),
      },
      settle,
    );
  });
}

const ABSENT = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EACCES', 'ENOTSOCK']);

function engineError(request: EngineRequest, cause: unknown, timedOutMs: number | undefined, signal: AbortSignal): SkerryError {
  if (signal.aborted) return new SkerryError('Aborted', `${request.what}: given up`, { cause });
  if (timedOutMs !== undefined) {
    return new SkerryError('EngineTimeout', `${request.what}: the container engine did not answer within ${timedOutMs / 1000} s`);
  }
  const code = field(cause, 'code');
  if (typeof code === 'string' && ABSENT.has(code)) {
    return new SkerryError('EngineAbsent', `${request.what}: no container engine answers`, { cause });
  }
  const status = field(cause, 'statusCode');
  const text = field(field(cause, 'json'), 'message');
  const message = typeof text === 'string' ? text : cause instanceof Error ? cause.message.trim() : String(cause);
  const details = { status };
  if (status === 404) return new SkerryError('NotFound', `${request.what}: ${message}`, { details });
  if (status === 409) return new SkerryError('Conflict', `${request.what}: ${message}`, { details });
  return new SkerryError('EngineRefused', `${request.what}: ${message}`, { details });
}

/** A field of something that came over the wire, if it is an object at all. */
export function field(value: unknown, name: string): unknown {
  // Whatever it is, reading a missing property gives undefined.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
