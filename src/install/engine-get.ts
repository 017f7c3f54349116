import type { IncomingMessage } from 'node:http';
import type { Clock } from '#lib/clock.ts';

/** One question to a Docker-compatible engine over its socket. Read only, and without dockerode: what is asked here has no version and no stream. */
const ANSWER_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 8 * 1024 ** 2;
export type EngineReply =
  | { readonly type: 'answer'; readonly value: unknown }
  | { readonly type: 'absent'; readonly why: string }
  | { readonly type: 'denied' }
  | { readonly type: 'refused'; readonly status: number; readonly why: string }
  | { readonly type: 'silent'; readonly afterMs: number };

const DENIED = new Set(['EACCES', 'EPERM']);

export async function engineGet(socketPath: string, path: string, clock: Clock, signal: AbortSignal): Promise<EngineReply> {
  const { request } = await import('node:http');
  return new Promise((resolve) => {
    const end = (reply: EngineReply) => {
      cancel();
      signal.removeEventListener('abort', stopped);
      call.destroy();
      resolve(reply);
    };
    const stopped = () => end({ type: 'absent', why: 'stopped' });
    const cancel = clock.timer(ANSWER_MS_MAX, () => end({ type: 'silent', afterMs: ANSWER_MS_MAX }));
    const call = request({ socketPath, path, headers: { host: 'docker' } }, (response) => {
      readAll(response).then(end, (error: unknown) => end({ type: 'absent', why: String(error) }));
    });
    call.on('error', (error) => {
      const code = 'code' in error ? String(error.code) : '';
      end(DENIED.has(code) ? { type: 'denied' } : { type: 'absent', why: error.message });
    });
    signal.addEventListener('abort', stopped, { once: true });
    call.end();
  });
}

async function readAll(response: IncomingMessage): Promise<EngineReply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const pieces: AsyncIterable<Buffer> = response;
  for await (const chunk of pieces) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return { type: 'absent', why: `its answer is longer than ${ANSWER_BYTES_MAX} bytes` };
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const status = response.statusCode ?? 0;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No JSON is no engine's answer, whatever its status says.
    return { type: 'refused', status, why: 'what answers there is no container engine' };
  }
  if (status === 200) return { type: 'answer', value };
  const said = typeof value === 'object' && value !== null && 'message' in value ? String(value.message) : `HTTP ${status}`;
  return { type: 'refused', status, why: said };
}
