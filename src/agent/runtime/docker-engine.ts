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
/** An inspect has the environment of its container, which may be of 2 MB. */
const ANSWER_LENGTH_MAX = 64 * 1024 * 1024;
const API_VERSION_MIN = [1, 41] as const;

export function createEngine({ socketPath, clock }: { readonly socketPath: string; readonly clock: Clock }): Engine {
  const docker = new Docker({ socketPath });
  let version: string | undefined;

  const negotiate = async (signal: AbortSignal): Promise<string> => {
    if (version !== undefined) return version;
    const request: EngineRequest = { what: 'ask the engine for its version', method: 'GET', path: '/version' };
    const answer = await ask({ ...request, timeoutMs: QUICK_CALL_MS_MAX }, readAnswer, signal);
    version = chooseVersion(field(answer, 'ApiVersion'), field(answer, 'MinAPIVersion'));
    return version;
  };

  const ask = <T>(request: EngineRequest, read: (response: IncomingMessage) => Promise<T>, signal: AbortSignal) =>
    dial(docker, clock, request, read, signal);

  const send = async <T>(
    request: EngineRequest,
    read: (response: IncomingMessage) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> => {
    const prefix = await negotiate(signal);
    try {
      return await ask({ ...request, path: `/v${prefix}${request.path}` }, read, signal);
    } catch (error) {
      // Another engine may answer at this socket the next time.
      if (error instanceof SkerryError && error.code === 'EngineAbsent') version = undefined;
      throw error;
    }
  };

  return {
    call: (request, signal) => send(request, readAnswer, signal),
    stream: (request, signal) => send(request, async (response) => response, signal),
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

const ACCEPTED = [200, 201, 204];

async function dial<T>(
  docker: Docker,
  clock: Clock,
  request: EngineRequest,
  read: (response: IncomingMessage) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { timeoutMs = CALL_MS_MAX, accepts = ACCEPTED } = request;
  const abort = new AbortController();
  let timedOut = false;
  const stop = () => abort.abort();
  const cancel = clock.timer(timeoutMs, () => {
    timedOut = true;
    abort.abort();
  });
  signal.addEventListener('abort', stop, { once: true });
  const letGo = () => signal.removeEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    const response = await responseTo(docker, request, abort.signal);
    // A stream goes on after its beginning: the caller's abort must still reach it.
    response.once('close', letGo);
    const status = response.statusCode ?? 0;
    if (!accepts.includes(status)) throw refusal(request, status, await readAnswer(response));
    return await read(response);
  } catch (error) {
    letGo();
    throw engineError(request, error, timedOut ? timeoutMs : undefined, signal);
  } finally {
    cancel();
  }
}

type Dial = (options: Record<string, unknown>, callback: (error: unknown, response: unknown) => void) => void;

/** Always as a stream: dockerode would keep an answer of any length, in pieces, whole and as text. */
function responseTo(
  docker: Docker,
  { method, path, query = {}, body, file, registryAuth }: EngineRequest,
  abortSignal: AbortSignal,
): Promise<IncomingMessage> {
  const parameters = new URLSearchParams(query).toString();
  // dockerode's types know nothing of its modem; this is the one method of it we use.
  const modem = docker.modem as unknown as { readonly dial: Dial };
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        path: parameters === '' ? path : `${path}?${parameters}`,
        method,
        isStream: true,
        statusCodes: EVERY_STATUS,
        abortSignal,
        // dockerode adds options to a path with a query, and cuts off its last letter where there are none: so always none but a body.
        options: { _query: {}, _body: body ?? {} },
        ...(file === undefined ? {} : { file: Buffer.from(file) }),
        ...(registryAuth === undefined ? {} : { authconfig: { base64: registryAuth } }),
      },
      // A stream's answer is the response itself.
      (error, response) => (error === null ? resolve(response as IncomingMessage) : reject(error)),
    );
  });
}

/** None is an error of dockerode's: refusals are read here. */
const EVERY_STATUS: Readonly<Record<number, true>> = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [at + 100, true]));

/** The JSON of an answer; its text where it is none, and undefined where there is no text. */
async function readAnswer(response: IncomingMessage): Promise<unknown> {
  response.setEncoding('utf8');
  let answer = '';
  // Sound: with an encoding set, the pieces are texts.
  for await (const piece of response as AsyncIterable<string>) {
    answer += piece;
    if (answer.length > ANSWER_LENGTH_MAX) throw new Error(`its answer is longer than ${ANSWER_LENGTH_MAX} characters`);
  }
  if (answer === '') return undefined;
  try {
    return JSON.parse(answer);
  } catch {
    // An engine's word for a failure need not be JSON, and is told as it is.
    return answer;
  }
}

function refusal({ what }: EngineRequest, status: number, answer: unknown): SkerryError {
  const said = text(field(answer, 'message')) || text(answer).trim();
  const message = `${what}: ${said === '' ? `the container engine answered with HTTP status ${status}` : said}`;
  const details = { status };
  if (status === 404) return new SkerryError('NotFound', message, { details });
  if (status === 409) return new SkerryError('Conflict', message, { details });
  return new SkerryError('EngineRefused', message, { details });
}

const ABSENT = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EACCES', 'ENOTSOCK']);

function engineError({ what }: EngineRequest, cause: unknown, timedOutMs: number | undefined, signal: AbortSignal): SkerryError {
  if (signal.aborted) return new SkerryError('Aborted', `${what}: given up`, { cause });
  if (timedOutMs !== undefined)
    return new SkerryError('EngineTimeout', `${what}: the container engine did not answer within ${timedOutMs / 1000} s`);
  if (cause instanceof SkerryError) return cause;
  const code = field(cause, 'code');
  if (typeof code === 'string' && ABSENT.has(code))
    return new SkerryError('EngineAbsent', `${what}: no container engine answers`, { cause });
  return new SkerryError('EngineRefused', what, { cause, details: { status: undefined } });
}

/** A field of something that came over the wire, if it is an object at all. */
export function field(value: unknown, name: string): unknown {
  // Whatever it is, reading a missing property gives undefined.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
