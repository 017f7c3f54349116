import type { Registry } from '#api/registry.ts';
import { notAllowed } from './not-allowed.ts';
import { text } from './answer.ts';
import { createDocuments } from './documents.ts';
import { health } from './health.ts';
import { createMetrics } from './metrics.ts';
import type { ApiOptions } from './options.ts';
import type { Answer, HttpRequest } from './request.ts';
import { route } from './route.ts';
import { isServed } from './serve.ts';

/** Paths that name no resource: health, metrics, discovery, OpenAPI, the version. Not those of the product itself (ApiOptions.paths). */
export type Pages = {
  /** undefined where there is nothing. Throws 405. */
  readonly serve: (registry: Registry, request: HttpRequest) => Answer | undefined;
  /** For the metrics: a request was answered so. */
  readonly count: (verb: string, code: number) => void;
};

/** Upstream serves these as it serves resources, by GET alone; the other pages by whatever method. */
const ONLY_GET = /^\/(version|api|api\/[^/]+|apis\/[^/]+\/[^/]+)\/?$/;

export function createPages(options: ApiOptions): Pages {
  const documents = createDocuments(options);
  const metrics = createMetrics();
  const pageOf = (registry: Registry, request: HttpRequest): Answer | undefined =>
    request.path === '/metrics' ? text(200, metrics.text()) : (health(options, request) ?? documents.serve(registry, request));
  return {
    count: metrics.count,
    serve: (registry, request) => {
      const page = pageOf(registry, request);
      if (request.method === 'GET' || (page !== undefined && !ONLY_GET.test(request.path))) return page;
      // OPTIONS and the like of a resource are no verbs, and so come here.
      const target = route('GET', request.path, request.query);
      if (page !== undefined || (target.type === 'resource' && isServed(registry, target))) throw notAllowed();
      return undefined;
    },
  };
}
