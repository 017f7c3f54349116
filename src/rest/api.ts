import type { KubeObject } from '#api/object.ts';
import { apiError, statusOf } from '#api/status.ts';
import type { Registry } from '#api/registry.ts';
import { carryChange } from './carry-change.ts';
import type { Author, Change } from './change.ts';
import { failure, text } from './answer.ts';
import { deniedError } from './denied.ts';
import { prettyForPeople } from './pretty.ts';
import { createDocuments, type Documents } from './documents.ts';
import type { ApiOptions } from './options.ts';
import { ANONYMOUS, type Answer, type HttpRequest, type Target } from './request.ts';
import { route } from './route.ts';
import { isServed, notAllowed, serveResource } from './serve.ts';
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
        failed(options, request, error),
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
  return servePath(options, documents, metricsText, request, registry);
}

/** Upstream serves some paths as it serves resources, by GET alone; the others by whatever method. */
function servePath(
  options: ApiOptions,
  documents: Documents,
  metricsText: () => string,
  request: HttpRequest,
  registry: Registry,
): Answer {
  if (request.path === '/metrics') return text(200, metricsText());
  const answer = health(options, request) ?? documents.serve(registry, request);
  if (answer !== undefined) {
    if (request.method !== 'GET' && ONLY_GET.test(request.path)) throw notAllowed();
    return answer;
  }
  // OPTIONS and the like of a resource are no verbs.
  const asked = targetOf({ ...request, method: 'GET' });
  if (asked.type === 'resource' && isServed(registry, asked)) throw notAllowed();
  return notFoundPage();
}

const ONLY_GET = /^\/(version|api|api\/[^/]+|apis\/[^/]+\/[^/]+)\/?$/;

function groupKnown(registry: Registry, target: Extract<Target, { readonly type: 'resource' }>): boolean {
  return registry.groups.some(({ group, versions }) => group === target.group && versions.includes(target.version));
}

function unauthorized(): unknown {
  return apiError('Unauthorized', 'Unauthorized');
}

const notFoundPage = (): Answer => text(404, '404 page not found\n');

/** A bug or a fault of the disk is told to the operator; the client's own faults are not. */
function failed(options: ApiOptions, request: HttpRequest, error: unknown): Answer {
  if (statusOf(error).code === 500)
    options.log.error({ err: error, method: request.method, path: request.path }, 'request failed');
  return failure(error);
}
