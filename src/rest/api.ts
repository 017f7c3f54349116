import type { KubeObject } from '#api/object.ts';
import { apiError, statusOf } from '#api/status.ts';
import type { Registry } from '#api/registry.ts';
import { carryChange } from './carry-change.ts';
import type { Author, Change } from './change.ts';
import { deniedError } from './denied.ts';
import { prettyForPeople } from './pretty.ts';
import { createDocuments, type Documents } from './documents.ts';
import type { ApiOptions } from './options.ts';
import { ANONYMOUS, type Answer, type HttpRequest, type Target } from './request.ts';
import { route } from './route.ts';
import { serveResource } from './serve.ts';
import { createMetrics } from './metrics.ts';
import { health } from './health.ts';

/** The one pipeline: every request and every change of our own loops enters here. */
export type Api = {
  /** Never rejects: whatever goes wrong is an answer with a Status. */
  readonly handle: (request: HttpRequest) => Promise<Answer>;
  /** The same pipeline without HTTP; rejects with API errors. Gives what is stored, or undefined where it is gone. */
  readonly change: (change: Change, author: Author, signal: AbortSignal) => Promise<KubeObject | undefined>;
};

export function createApi(options: ApiOptions): Api {
  const documents = createDocuments(options);
  const metrics = createMetrics();
  return {
    handle: async (request) => {
      const target = targetOf(request);
      const answer = await answerTo(options, documents, metrics.text, request, target).catch((error: unknown) =>
        failure(options, request, error),
      );
      metrics.count(target.type === 'resource' ? target.verb : request.method, answer.status);
      return prettyForPeople(request, answer);
    },
    change: (change, author, signal) => carryChange(options, options.registry(), change, author, signal),
  };
}

function targetOf(request: HttpRequest): Target {
  try {
    return route(request.method, request.path, request.query);
  } catch {
    // A path with a broken escape names nothing.
    return { type: 'path', verb: request.method.toLowerCase(), path: request.path };
  }
}

async function answerTo(
  options: ApiOptions,
  documents: Documents,
  metricsText: () => string,
  request: HttpRequest,
  target: Target,
): Promise<Answer> {
  const registry = options.registry();
  const { allowed, reason } = await options.authorize(request.user, target);
  if (!allowed)
    throw request.user.name === ANONYMOUS.name && request.headers.authorization !== undefined
      ? unauthorized()
      : deniedError(request.user, target, reason);
  if (target.type === 'resource')
    return groupKnown(registry, target) ? serveResource(options, registry, request, target) : notFoundPage();
  const own = options.paths[`${request.method} ${request.path}`];
  if (own !== undefined) return own(request);
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFoundPage();
  if (request.path === '/metrics') return text(200, metricsText());
  return health(options, request) ?? documents.serve(registry, request) ?? notFoundPage();
}

function groupKnown(registry: Registry, target: Extract<Target, { readonly type: 'resource' }>): boolean {
  return registry.groups.some(({ group, versions }) => group === target.group && versions.includes(target.version));
}

function unauthorized(): unknown {
  return apiError('Unauthorized', 'Unauthorized');
}

export function text(status: number, body: string): Answer {
  return {
    type: 'value',
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body,
  };
}

const notFoundPage = (): Answer => text(404, '404 page not found\n');

function failure(options: ApiOptions, request: HttpRequest, error: unknown): Answer {
  const status = statusOf(error);
  if (status.code === 500) options.log.error({ err: error, method: request.method, path: request.path }, 'request failed');
  const retry = status.details?.retryAfterSeconds;
  return {
    type: 'value',
    status: status.code,
    headers: { 'content-type': 'application/json', ...(retry === undefined ? {} : { 'retry-after': String(retry) }) },
    body: JSON.stringify(status),
  };
}
