import { readFileSync } from 'node:fs';
import { Agent, Pool } from 'undici';
import { parseYaml } from '../../src/api/encoding/yaml.ts';
import { connectionOf } from '../../src/cli/client/connection.ts';
import { kubeconfigOf } from '../../src/cli/client/kubeconfig.ts';

/** The API over TLS with an admin certificate, or a token, for measuring: undici's pool costs the measuring side least. */
export type Api = {
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ) => Promise<{ readonly status: number; readonly text: string }>;
  readonly watch: (path: string, seen: (object: unknown) => void, signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

export function createApi(kubeconfig: string, connections: number, token?: string): Api {
  const read = (path: string) => readFileSync(path, 'utf8');
  const config = connectionOf(kubeconfigOf(parseYaml(read(kubeconfig)), kubeconfig), {}, read);
  const { certificate: cert, key } = config.credentials;
  const connect = token === undefined ? { ca: config.ca, cert, key } : { ca: config.ca };
  const proof: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const pool = new Pool(config.server, { connections, pipelining: 1, connect });
  const streams = new Agent({ connect, bodyTimeout: 0 });
  return {
    call: async (method, path, body, contentType = 'application/json') => {
      const { statusCode, body: answer } = await pool.request({
        method: method as 'GET',
        path,
        headers: { accept: 'application/json', ...proof, ...(body === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: statusCode, text: await answer.text() };
    },
    watch: async (path, seen, signal) => {
      const { body } = await streams.request({ origin: config.server, method: 'GET', path, signal });
      let rest = '';
      for await (const chunk of body) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') seen((JSON.parse(line) as { readonly object: unknown }).object);
      }
    },
    close: async () => {
      await pool.close();
      await streams.destroy();
    },
  };
}

export function expectOk({ status, text }: { readonly status: number; readonly text: string }): void {
  if (status >= 300) throw new Error(`HTTP ${status}: ${text.slice(0, 300)}`);
}
