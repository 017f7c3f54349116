import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { apiError, badRequestError } from '#api/status.ts';
import { failure } from './answer.ts';
import type { Answer, HttpRequest, User } from './request.ts';

/** Between node:http and the pipeline: a request becomes a value, an answer goes out with back-pressure. Never rejects. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;
const GZIP_BYTES_MIN = 128 * 1024;
/** What one user may see no proxy keeps for others; a client may keep it, and asks each time whether it still holds. */
const KEPT_BY_NOBODY = { 'cache-control': 'no-cache, private' };

const zipped = promisify(gzip);

/** `identify` throws API errors where the request shows something that proves nobody. */
export async function serveHttp(
  request: IncomingMessage,
  response: ServerResponse,
  identify: () => User,
  handle: (request: HttpRequest) => Promise<Answer>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    // An answer that was given has nothing left to stop, and an abort costs a stack trace.
    if (!response.writableFinished) gone.abort();
  });
  const answer = await answerTo(request, identify, handle, gone.signal).catch(failure);
  try {
    await send(request, response, answer, gone.signal);
  } catch {
    // The client is gone or the stream broke half-way: a cut connection is all that can still be said.
    response.destroy();
  }
}

async function answerTo(
  request: IncomingMessage,
  identify: () => User,
  handle: (request: HttpRequest) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  const { method = 'GET', url = '/', headers } = request;
  // Only a proxy is asked with a whole URL. Paths are taken as they are: a URL's parser would take the host from `//api`.
  if (!url.startsWith('/')) throw badRequestError(`the request's target is no path: ${url.slice(0, 200)}`);
  const [path = '', ...query] = url.split('?');
  const user = identify();
  const body = await readBody(request);
  const single = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value] as const);
  return handle({
    method,
    path,
    query: new URLSearchParams(query.join('?')),
    headers: Object.fromEntries(single),
    body,
    user,
    signal,
  });
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    // Sound: without an encoding set, a request gives buffers.
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > BODY_BYTES_MAX) throw apiError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_BYTES_MAX}`);
    chunks.push(buffer);
  }
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks);
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer, signal: AbortSignal): Promise<void> {
  // A body that was refused half-read can not be told from the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  if (answer.type === 'value') {
    const plain = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    const zip = plain.length >= GZIP_BYTES_MIN && acceptsGzip(request.headers['accept-encoding'] ?? '');
    const body = zip ? await zipped(plain, { level: 1 }) : plain;
    response.writeHead(answer.status, {
      ...KEPT_BY_NOBODY,
      ...answer.headers,
      ...(zip ? { 'content-encoding': 'gzip', vary: [answer.headers.vary, 'Accept-Encoding'].filter(Boolean).join(', ') } : {}),
      'content-length': body.length,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  response.writeHead(answer.status, { ...KEPT_BY_NOBODY, ...answer.headers });
  response.flushHeaders();
  for await (const chunk of answer.chunks) {
    if (signal.aborted) return;
    if (!response.write(chunk)) await once(response, 'drain', { signal });
  }
  response.end();
}

/** RFC 9110 §12.5.3: named, or covered by `*`, and not at weight 0. */
function acceptsGzip(header: string): boolean {
  const weights = new Map(
    header.split(',').map((part) => {
      const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      const weight = parameters.find((text) => text.startsWith('q='));
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))];
    }),
  );
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}
