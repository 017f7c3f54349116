import { request } from 'node:https';
import { explain } from '#lib/error.ts';

/** Asks a server's own /readyz over its own port, as any client would: what it says of itself is worth more when it has come through TLS. */
const TIMEOUT_MS = 10_000;

/** Why it does not answer 200, or undefined. `ca`: PEM. */
export function unready(url: string, ca: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(`${url}/readyz`, { ca, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => resolve(`read its /readyz: ${explain(error)}`));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8').trim();
        resolve(response.statusCode === 200 ? undefined : `its /readyz answers ${response.statusCode}: ${text}`);
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on('error', (error) => resolve(`ask its /readyz: ${explain(error)}`));
    call.end();
  });
}
