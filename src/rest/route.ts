import type { Target, Verb } from './request.ts';

/**
 * Method and path → what is asked for, as upstream's RequestInfo. `/api/v1/namespaces/x/pods/y/log`, `/apis/apps/v1/deployments`.
 * Namespaces themselves are cluster-scoped: `/api/v1/namespaces/x` names one, `/api/v1/namespaces/x/finalize` its subresource.
 */
export function route(method: string, path: string, query: URLSearchParams): Target {
  if (path.includes('//')) return { type: 'path', verb: method.toLowerCase(), path };
  const segments = path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent);
  const grouped = segments[0] === 'apis';
  const rest = segments.slice(grouped ? 3 : 2);
  const [first] = rest;
  if ((segments[0] !== 'api' && !grouped) || first === undefined) return { type: 'path', verb: method.toLowerCase(), path };
  const [group = '', version = ''] = grouped ? segments.slice(1, 3) : ['', segments[1]];
  const scoped = first === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '');
  const [resource = '', name = '', subresource = '', ...more] = scoped ? rest.slice(2) : rest;
  // No namespace holds namespaces.
  if (more.length > 0 || (scoped && resource === 'namespaces')) return { type: 'path', verb: method.toLowerCase(), path };
  const namespace = first === 'namespaces' ? (rest[1] ?? '') : '';
  const verb = verbOf(method, name, query);
  if (verb === undefined) return { type: 'path', verb: method.toLowerCase(), path };
  return { type: 'resource', verb, group, version, resource, subresource, namespace, name };
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function verbOf(method: string, name: string, query: URLSearchParams): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return name !== '' ? 'get' : isTrue(query.get('watch')) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}

/** As upstream reads a query (apimachinery/pkg/runtime/conversion.go): whatever is there and does not say no. */
export function isTrue(text: string | null): boolean {
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}
