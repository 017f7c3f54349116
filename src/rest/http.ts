import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { apiError, badRequestError, statusOf } from '#api/status.ts';
import type { Answer, HttpRequest, User } from './request.ts';

/** Between node:http and the pipeline: a request becomes a value, an answer goes out with back-pressure. Never rejects. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;
const GZIP_BYTES_MIN = 128 * 1024;

export async function serveHttp(
  request: IncomingMessage,
  response: ServerResponse,
  user: User,
  handle: (request: HttpRequest) => Promise<Answer>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const answer = await answerTo(request, user, handle, gone.signal).catch(refusal);
  try {
    await send(request, response, answer, gone.signal);
  } catch {
    // The client is gone or the stream broke half-way: a cut connection is all that can still be said.
    response.destroy();
  }
}

async function answerTo(
  request: IncomingMessage,
  user: User,
  handle: (request: HttpRequest) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  const { method = 'GET', url = '/', headers } = request;
  const parsed = URL.canParse(url, 'http://skerry') ? new URL(url, 'http://skerry') : undefined;
  if (parsed === undefined) throw badRequestError(`the request's URL can not be read: ${url.slice(0, 200)}`);
  const body = await readBody(request);
  const single = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value] as const);
  return handle({
    method,
    path: parsed.pathname,
    query: parsed.searchParams,
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

function refusal(error: unknown): Answer {
  const status = statusOf(error);
  return { type: 'value', status: status.code, headers: { 'content-type': 'application/json' }, body: JSON.stringify(status) };
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer, signal: AbortSignal): Promise<void> {
  // A body that was refused half-read can not be told from the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  if (answer.type === 'value') {
    const zip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '') && answer.body.length >= GZIP_BYTES_MIN;
    const plain = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    const body = zip ? gzipSync(plain, { level: 1 }) : plain;
    response.writeHead(answer.status, {
      ...answer.headers,
      ...(zip ? { 'content-encoding': 'gzip' } : {}),
      'content-length': body.length,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  response.writeHead(answer.status, answer.headers);
  response.flushHeaders();
  for await (const chunk of answer.chunks) {
    if (signal.aborted) return;
    if (!response.write(chunk)) await once(response, 'drain', { signal });
  }
  response.end();
}
