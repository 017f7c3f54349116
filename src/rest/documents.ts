import { createHash } from 'node:crypto';
import type { Registry } from '#api/registry.ts';
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts';
import { openApiV2Json, openApiV2Protobuf } from './openapi/v2.ts';
import { openApiV3Document, openApiV3Index } from './openapi/v3.ts';
import type { ApiOptions } from './options.ts';
import type { Answer, HttpRequest } from './request.ts';

/** Discovery, OpenAPI and the version: documents made from the registry, once for each registry and form. */
export type Documents = { readonly serve: (registry: Registry, request: HttpRequest) => Answer | undefined };

const DISCOVERY = /as=apigroupdiscoverylist/i;
const V2_ASKED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** With dots: Go's parser of media types refuses the form that clients ask with. */
const V2_ANSWERED = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

type Rendered = { readonly type: string; readonly body: Uint8Array | string; readonly etag: string };

export function createDocuments(options: ApiOptions): Documents {
  const rendered = new WeakMap<Registry, Map<string, Rendered>>();
  return {
    serve: (registry, request) => {
      const form = formOf(registry, request, options);
      if (form === undefined) return undefined;
      const cache = rendered.get(registry) ?? new Map<string, Rendered>();
      rendered.set(registry, cache);
      const document = cache.get(form.name) ?? render(form.type, form.make());
      cache.set(form.name, document);
      const headers = { 'content-type': document.type, etag: document.etag, vary: 'Accept' };
      if (request.headers['if-none-match'] === document.etag) return { type: 'value', status: 304, headers, body: '' };
      return { type: 'value', status: 200, headers, body: document.body };
    },
  };
}

function render(type: string, value: unknown): Rendered {
  const body = value instanceof Uint8Array ? value : JSON.stringify(value);
  return { type, body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
}

type Form = { readonly name: string; readonly type: string; readonly make: () => unknown };

function formOf(registry: Registry, request: HttpRequest, options: ApiOptions): Form | undefined {
  const { path } = request;
  const accept = request.headers.accept ?? '';
  const json = (make: () => unknown): Form => ({ name: path, type: 'application/json', make });
  const segments = path.split('/').filter((segment) => segment !== '');
  if (path === '/') return json(() => ({ paths: paths(registry) }));
  if (path === '/version' || path === '/version/') return json(() => versionOf(options.release));
  if (path === '/openapi/v2' || path === '/swagger-2.0.0.pb-v1') {
    return accept.includes(V2_ASKED) || path !== '/openapi/v2'
      ? { name: 'openapi-v2-protobuf', type: V2_ANSWERED, make: () => openApiV2Protobuf(registry, options.schema) }
      : json(() => openApiV2Json(registry, options.schema));
  }
  if (path === '/openapi/v3') return json(() => openApiV3Index(registry, options.schema));
  if (path.startsWith('/openapi/v3/')) return openApiV3(registry, segments.slice(2), options, json);
  if ((path === '/api' || path === '/apis') && DISCOVERY.test(accept)) {
    const version = /v=v2(?=;|,|$)/i.test(accept) ? 'v2' : 'v2beta1';
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return { name: `${path} ${version}`, type, make: () => aggregated(registry, path === '/api' ? 'api' : 'apis', version) };
  }
  if (path === '/api') return json(() => apiVersions());
  if (path === '/apis') return json(() => apiGroupList(registry));
  const [door, group = '', version = ''] = segments[0] === 'api' ? ['api', '', segments[1] ?? ''] : segments;
  const known = registry.groups.find((entry) => entry.group === group && (door === 'apis') === (group !== ''));
  if (door !== 'api' && door !== 'apis') return undefined;
  if (known === undefined || segments.length > (door === 'api' ? 2 : 3)) return undefined;
  if (version === '') return json(() => apiGroup(registry, group));
  return known.versions.includes(version) ? json(() => apiResourceList(registry, group, version)) : undefined;
}

function openApiV3(
  registry: Registry,
  segments: readonly string[],
  options: ApiOptions,
  json: (make: () => unknown) => Form,
): Form | undefined {
  const [door, ...rest] = segments;
  const [group = '', version = ''] = door === 'api' ? ['', rest[0]] : rest;
  const known = registry.groups.some((entry) => entry.group === group && entry.versions.includes(version));
  return known ? json(() => openApiV3Document(registry, options.schema, group, version)) : undefined;
}

/** Of Kubernetes 1.36, whose semantics these are; the product's own release stands behind the plus. */
export function versionOf(release: string): unknown {
  return {
    major: '1',
    minor: '36',
    gitVersion: `v1.36.0+skerry-${release}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

function paths(registry: Registry): readonly string[] {
  const groups = registry.groups.flatMap(({ group, versions }) =>
    group === ''
      ? versions.map((version) => `/api/${version}`)
      : [`/apis/${group}`, ...versions.map((version) => `/apis/${group}/${version}`)],
  );
  return [
    '/api',
    '/apis',
    ...groups,
    '/healthz',
    '/livez',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/readyz',
    '/version',
  ].toSorted();
}
