import { text } from './answer.ts';
import type { ApiOptions } from './options.ts';
import type { Answer, HttpRequest } from './request.ts';

/** /healthz, /livez and /readyz, whole or a check at a time (`/readyz/store`); undefined for any other path. */
export function health(options: ApiOptions, request: HttpRequest): Answer | undefined {
  const [, door = '', only, ...more] = request.path.split('/');
  if (!['healthz', 'livez', 'readyz'].includes(door) || more.length > 0) return undefined;
  const all: Readonly<Record<string, string | undefined>> = {
    ping: undefined,
    ...(door === 'readyz' ? options.readiness() : {}),
  };
  const excluded = request.query.getAll('exclude');
  const checks = Object.entries(all).filter(([name]) => (only === undefined || name === only) && !excluded.includes(name));
  if (only !== undefined && checks.length === 0) return text(404, '404 page not found\n');
  const failed = checks.some(([, why]) => why !== undefined);
  if (!failed && !request.query.has('verbose')) return text(200, 'ok');
  const lines = checks.map(([name, why]) => (why === undefined ? `[+]${name} ok` : `[-]${name} failed: ${why}`));
  return text(failed ? 500 : 200, [...lines, failed ? `${door} check failed` : `${door} check passed`, ''].join('\n'));
}
