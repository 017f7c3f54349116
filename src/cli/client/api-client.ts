import { request } from 'node:https';
import { SkerryError } from '#lib/error.ts';
import { tlsFailure } from '#net/tls/tls-failure.ts';
import type { Kubeconfig } from './kubeconfig.ts';

/** The API as the command line uses it, over node:https (the fastest start of all clients: facts in ARCHITECTURE.md). */
export type ApiClient = { readonly send: (method: string, path: string, body?: unknown) => Promise<unknown> };

const TIMEOUT_MS = 30_000;

/** A failed call rejects with the server's own reason as code and its message as cause. */
export function createApiClient(config: Kubeconfig): ApiClient {
  return {
    send: (method, path, body) =>
      new Promise((resolve, reject) => {
        const what = `${method} ${config.server}${path}`;
        const call = request(
          `${config.server}${path}`,
          {
            method,
            ca: config.ca,
            cert: config.certificate,
            key: config.key,
            timeout: TIMEOUT_MS,
            agent: false,
            headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', (cause) => reject(new SkerryError('ServiceUnavailable', what, { cause })));
            response.on('end', () => {
              const answer = parse(Buffer.concat(chunks).toString('utf8'));
              if ((response.statusCode ?? 500) < 300) resolve(answer);
              else reject(refusal(what, response.statusCode ?? 500, answer));
            });
          },
        );
        call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
        call.on('error', (error) => {
          const cause = tlsFailure(error);
          reject(new SkerryError('ServiceUnavailable', cause === error ? `${what} (is the server running?)` : what, { cause }));
        });
        call.end(body === undefined ? undefined : JSON.stringify(body));
      }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: a proxy's page, or a plain-text 404. The text itself is the best explanation there is.
    return text;
  }
}

function refusal(what: string, status: number, answer: unknown): SkerryError {
  const { reason, message } =
    typeof answer === 'object' && answer !== null ? (answer as { reason?: unknown; message?: unknown }) : {};
  return new SkerryError(typeof reason === 'string' ? reason : 'ServiceUnavailable', what, {
    cause: new Error(typeof message === 'string' ? message : `HTTP ${status}: ${String(answer).trim()}`),
  });
}
