import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { EnvHttpProxyAgent, interceptors, request, type Dispatcher } from 'undici';
import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import { authorities } from './tls/authorities.ts';
import { tlsFailure } from './tls/tls-failure.ts';

/**
 * Files over HTTP, through the proxies that the environment names, trusting what the system trusts. A download that breaks off goes on where it was,
 * now and when it is asked for again: what is in the file is taken to be its beginning, so whoever asks checks the whole by its sum.
 */
export type Downloads = {
  /** A small file, in memory. Throws as `toFile`, and BadRelease if it is larger. */
  readonly bytes: (url: string, bytesMax: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Throws NotFound, Unreachable (after a few tries), BadRelease (more than `bytesMax`), DiskFull or DiskError. */
  readonly toFile: (url: string, file: string, bytesMax: number, progress: Progress, signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** `bytesTotal`: undefined where the server does not say. */
export type Progress = (bytes: number, bytesTotal: number | undefined) => void;

const TRIES_MAX = 5;
const PAUSE_MS = 2_000;
const CONNECT_MS = 20_000;
/** Between two pieces, also of a poor link. */
const SILENCE_MS = 60_000;
const REDIRECTS_MAX = 5;

/** `tell`: hears of each try that failed and is made again, since the pauses between them are long for who waits. */
export function createDownloads(
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  tell: (text: string) => void = () => undefined,
): Downloads {
  const dispatcher = dispatcherFor(environment);
  const ask = (url: string, headers: Record<string, string>, signal: AbortSignal) =>
    request(withoutLogin(url), {
      dispatcher,
      signal,
      headers: { ...headers, ...loginOf(url) },
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    });

  const again = async <T>(what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (cause) {
        if (cause instanceof SkerryError) throw cause;
        if (signal.aborted) throw new SkerryError('Aborted', what, { cause });
        const reason = cause instanceof Error ? tlsFailure(cause, clock.now()) : cause;
        if (tries >= TRIES_MAX)
          throw new SkerryError('Unreachable', `${what} (tried ${TRIES_MAX} times; is the address right, or a proxy needed?)`, {
            cause: reason,
          });
        const pauseMs = PAUSE_MS * tries;
        tell(`${what}: ${explain(reason)}; trying again in ${pauseMs / 1_000} s (${tries} of ${TRIES_MAX - 1})`);
        await sleep(clock, pauseMs, signal);
      }
    }
  };

  const bytes = (url: string, bytesMax: number, signal: AbortSignal) =>
    again(`download ${shown(url)}`, signal, async () => {
      const { statusCode, body } = await ask(url, {}, signal);
      if (statusCode !== 200) throw await refusal(url, statusCode, body);
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of body) {
        // Undici's body is bytes; its type is any.
        const piece = chunk as Buffer;
        length += piece.length;
        if (length > bytesMax) throw tooLarge(url, bytesMax);
        chunks.push(piece);
      }
      return Buffer.concat(chunks);
    });

  const toFile = (url: string, file: string, bytesMax: number, progress: Progress, signal: AbortSignal) =>
    again(`download ${shown(url)}`, signal, async () => {
      const have = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      const answer = await ask(url, have === 0 ? {} : { range: `bytes=${have}-` }, signal);
      // All of it is here already, or it is another file: the sum will tell.
      if (answer.statusCode === 416 && have > 0) {
        await answer.body.dump();
        return;
      }
      if (answer.statusCode !== 200 && answer.statusCode !== 206) throw await refusal(url, answer.statusCode, answer.body);
      const from = answer.statusCode === 206 ? have : 0;
      const rest = Number(answer.headers['content-length'] ?? NaN);
      const total = Number.isSafeInteger(rest) ? from + rest : undefined;
      if (total !== undefined && total > bytesMax) throw tooLarge(url, bytesMax);
      await append(file, from, answer.body, (length) => {
        if (length > bytesMax) throw tooLarge(url, bytesMax);
        progress(length, total);
      });
    });

  return { bytes, toFile, close: () => dispatcher.close() };
}

/** For the server that is named; undici takes it away from what is sent to another that it is redirected to, and does not read it out of a URL. */
function loginOf(url: string): Record<string, string> {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return {};
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return { authorization: `Basic ${login}` };
}

function withoutLogin(url: string): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}

/** As it may be told and logged: a login and a query may be secrets. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** As curl: the small letters first, since HTTP_PROXY can be a header of somebody's request. */
function dispatcherFor(environment: Readonly<Record<string, string | undefined>>): Dispatcher {
  const of = (name: string) =>
    [environment[name], environment[name.toUpperCase()]].find((value) => value !== undefined && value !== '');
  const [httpProxy, httpsProxy, noProxy] = [
    of('http_proxy') ?? of('all_proxy'),
    of('https_proxy') ?? of('all_proxy'),
    of('no_proxy'),
  ];
  const connect = { ca: authorities(), timeout: CONNECT_MS };
  return new EnvHttpProxyAgent({
    // Empty, not left out: it would look into the environment by itself.
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: noProxy ?? '',
    connect,
    requestTls: connect,
    proxyTls: connect,
  }).compose(interceptors.redirect({ maxRedirections: REDIRECTS_MAX }));
}

/** What a try again would not change is ours and final; the rest is tried again. */
async function refusal(url: string, status: number, body: { readonly dump: () => Promise<void> }): Promise<Error> {
  await body.dump();
  if (status === 404 || status === 410)
    return new SkerryError('NotFound', `download ${shown(url)}: there is no such file (HTTP ${status})`);
  if (status >= 500 || status === 408 || status === 429) return new Error(`the server answers HTTP ${status}`);
  return new SkerryError('Unreachable', `download ${shown(url)}: the server answers HTTP ${status}`);
}

function tooLarge(url: string, bytesMax: number): SkerryError {
  return new SkerryError(
    'BadRelease',
    `download ${shown(url)}: it has more than ${bytesMax} bytes, and so is no file of a release`,
  );
}

/** Each piece is in the file before the next is taken, so that one that breaks off leaves all that came. */
async function append(file: string, from: number, body: AsyncIterable<Buffer>, grown: (length: number) => void): Promise<void> {
  const failed = (cause: unknown) => {
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
    return new SkerryError(isFull ? 'DiskFull' : 'DiskError', `write ${file}`, { cause });
  };
  const handle = await open(file, from === 0 ? 'w' : 'a').catch((error: unknown) => Promise.reject(failed(error)));
  try {
    let length = from;
    for await (const piece of body) {
      length += piece.length;
      grown(length);
      for (let written = 0; written < piece.length;)
        written += await handle.write(piece, written).then(
          ({ bytesWritten }) => bytesWritten,
          (error: unknown) => Promise.reject(failed(error)),
        );
    }
  } finally {
    await handle.close();
  }
}
