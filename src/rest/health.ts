import type { ApiOptions } from './options.ts';
import type { Answer, HttpRequest } from './request.ts';

/** /healthz, /livez and /readyz, whole or a check at a time (`/readyz/store`); undefined for any other path. */
export function health(options: ApiOptions, request: HttpRequest): Answer | undefined {
  const [, door = '', only] = request.path.split('/');
  if (!['healthz', 'livez', 'readyz'].includes(door)) return undefined;
  const all: Readonly<Record<string, string | undefined>> = {
    ping: undefined,
    ...(door === 'readyz' ? options.readiness() : {}),
  };
  const excluded = request.query.getAll('exclude');
  const checks = Object.entries(all).filter(([name]) => (only === undefined || name === only) && !excluded.includes(name));
  if (only !== undefined && checks.length === 0) return answer(404, '404 page not found\n');
  const failed = checks.some(([, why]) => why !== undefined);
  if (!failed && !request.query.has('verbose')) return answer(200, 'ok');
  const lines = checks.map(([name, why]) => (why === undefined ? `[+]${name} ok` : `[-]${name} failed: ${why}`));
  return answer(failed ? 500 : 200, [...lines, failed ? `${door} check failed` : `${door} check passed`, ''].join('\n'));
}

function answer(status: number, body: string): Answer {
  return { type: 'value', status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}
