import type { KubeObject } from '#api/object.ts';
import { apiError, statusOf } from '#api/status.ts';
import type { Registry } from '#api/registry.ts';
import { carryChange } from './carry-change.ts';
import type { Author, Change } from './change.ts';
import { failure, text } from './answer.ts';
import { deniedError } from './denied.ts';
import { impersonated } from './impersonate.ts';
import { createPages, type Pages } from './pages.ts';
import { prettyForPeople } from './pretty.ts';
import type { ApiOptions } from './options.ts';
import { ANONYMOUS, type Answer, type HttpRequest, type RequestTarget } from './request.ts';
import { askedOf, route } from './route.ts';
import { serveResource } from './serve.ts';

/** The one pipeline: every request and every change of our own loops enters here. */
export type Api = {
  /** Never rejects: whatever goes wrong is an answer with a Status. */
  readonly handle: (request: HttpRequest) => Promise<Answer>;
  /** The same pipeline without HTTP; rejects with API errors. Gives what is stored, or undefined where it is gone. */
  readonly change: (change: Change, author: Author, signal: AbortSignal) => Promise<KubeObject | undefined>;
};

export function createApi(options: ApiOptions): Api {
  const pages = createPages(options);
  return {
    handle: async (request) => {
      const target = route(request.method, request.path, request.query);
      const answer = await answerTo(options, pages, request, target).catch((error: unknown) => failed(options, request, error));
      pages.count(target.type === 'resource' ? target.verb : request.method, answer.status);
      return prettyForPeople(request, answer);
    },
    change: (change, author, signal) => carryChange(options, options.registry(), change, author, signal),
  };
}

async function answerTo(options: ApiOptions, pages: Pages, asked: HttpRequest, target: RequestTarget): Promise<Answer> {
  const registry = options.registry();
  const user = await impersonated(options, asked);
  const request = { ...asked, user };
  const wanted = askedOf(target, request.query);
  const { allowed, reason } = await options.authorize(user, wanted);
  if (!allowed)
    throw asked.user.name === ANONYMOUS.name && asked.headers.authorization !== undefined
      ? unauthorized()
      : deniedError(user, wanted, reason);
  if (target.type === 'resource')
    return groupKnown(registry, target) ? serveResource(options, registry, request, target) : notFoundPage();
  const own = options.paths[`${request.method} ${request.path}`];
  if (own !== undefined) return own(request);
  return pages.serve(registry, request) ?? notFoundPage();
}

function groupKnown(registry: Registry, target: Extract<RequestTarget, { readonly type: 'resource' }>): boolean {
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
