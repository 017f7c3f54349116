import { createHash } from 'node:crypto';
import { KUBERNETES } from '#api/kubernetes-version.ts';
import type { Registry } from '#api/registry.ts';
import { platformName } from '#lib/platform.ts';
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
      if (isKnown(request.headers['if-none-match'], document.etag)) return { type: 'value', status: 304, headers, body: '' };
      return { type: 'value', status: 200, headers, body: document.body };
    },
  };
}

/** RFC 9110 §13.1.2: any of a list, and a proxy may have weakened it. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

function render(type: string, value: unknown): Rendered {
  const body = value instanceof Uint8Array ? value : JSON.stringify(value);
  return { type, body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
}

type Form = { readonly name: string; readonly type: string; readonly make: () => unknown };

/** Each name is one of few, so that what is kept stays small however a path is written: one slash at its end says nothing, more name nothing. */
function formOf(registry: Registry, request: HttpRequest, options: ApiOptions): Form | undefined {
  const path = request.path.length > 1 && request.path.endsWith('/') ? request.path.slice(0, -1) : request.path;
  const accept = request.headers.accept ?? '';
  const json = (make: () => unknown): Form => ({ name: path, type: 'application/json', make });
  switch (path) {
    case '/':
      return json(() => ({ paths: paths(registry) }));
    case '/version':
      return json(() => versionOf(options.release));
    case '/swagger-2.0.0.pb-v1':
      return v2Protobuf(registry, options);
    case '/openapi/v2':
      return accept.includes(V2_ASKED) ? v2Protobuf(registry, options) : json(() => openApiV2Json(registry, options.schema));
    case '/openapi/v3':
      return json(() => openApiV3Index(registry, options.schema));
    case '/api':
    case '/apis': {
      const door = path === '/api' ? 'api' : 'apis';
      if (!DISCOVERY.test(accept)) return json(() => (door === 'api' ? apiVersions() : apiGroupList(registry)));
      const version = /v=v2(?=;|,|$)/i.test(accept) ? 'v2' : 'v2beta1';
      const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      return { name: `${path} ${version}`, type, make: () => aggregated(registry, door, version) };
    }
    default:
      return formOfGroup(registry, path, options, json);
  }
}

function v2Protobuf(registry: Registry, { schema }: ApiOptions): Form {
  return { name: 'openapi-v2-protobuf', type: V2_ANSWERED, make: () => openApiV2Protobuf(registry, schema) };
}

/** `/api/v1`, `/apis/apps`, `/apis/apps/v1`, and the OpenAPI documents of versions. */
function formOfGroup(
  registry: Registry,
  path: string,
  { schema }: ApiOptions,
  json: (make: () => unknown) => Form,
): Form | undefined {
  const isOpenApi = path.startsWith(V3);
  const [, door, ...rest] = (isOpenApi ? path.slice(V3.length) : path).split('/');
  if (door !== 'api' && door !== 'apis') return undefined;
  const [group = '', version, ...more] = door === 'api' ? ['', ...rest] : rest;
  const known = registry.groups.find((entry) => entry.group === group && (group === '') === (door === 'api'));
  if (known === undefined || more.length > 0) return undefined;
  if (version === undefined) return isOpenApi ? undefined : json(() => apiGroup(registry, group));
  if (!known.versions.includes(version)) return undefined;
  return json(() =>
    isOpenApi ? openApiV3Document(registry, schema, group, version) : apiResourceList(registry, group, version),
  );
}

const V3 = '/openapi/v3';

/** The product's own release stands behind the plus. */
export function versionOf(release: string): unknown {
  return {
    ...KUBERNETES,
    gitVersion: `${KUBERNETES.gitVersion}+skerry-${release}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: platformName(),
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
