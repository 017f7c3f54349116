import { pathSegmentProblems } from '#api/names.ts';
import { selectedName } from '#api/selectors/field-selector.ts';
import type { RequestTarget, Verb } from './request.ts';

/**
 * Method and path → what is asked for, as upstream's RequestInfo. `/api/v1/namespaces/x/pods/y/log`, `/apis/apps/v1/deployments`.
 * Namespaces themselves are cluster-scoped: `/api/v1/namespaces/x` names one, `/api/v1/namespaces/x/finalize` its subresource.
 */
export function route(method: string, path: string, query: URLSearchParams): RequestTarget {
  return resourceOf(method, path, query) ?? { type: 'path', verb: method.toLowerCase(), path };
}

/** What the authorizer is asked: to list or watch what a field selector holds to one name is for those who may do that to this one. */
export function askedOf(target: RequestTarget, query: URLSearchParams): RequestTarget {
  if (target.type === 'path' || (target.verb !== 'list' && target.verb !== 'watch')) return target;
  try {
    const name = selectedName(query.get('fieldSelector') ?? '') ?? '';
    return pathSegmentProblems(name).length === 0 ? { ...target, name } : target;
  } catch {
    // Who may list at all is told what is wrong with it.
    return target;
  }
}

function resourceOf(method: string, path: string, query: URLSearchParams): RequestTarget | undefined {
  const [door, ...segments] = segmentsOf(path);
  if (door !== 'api' && door !== 'apis') return undefined;
  const [group = '', version = '', ...rest] = door === 'api' ? ['', ...segments] : segments;
  const [first, namespaced, third] = rest;
  const isInside = first === 'namespaces' && third !== undefined && !NAMESPACE_SUBRESOURCES.has(third);
  const [resource = '', name = '', subresource = '', ...more] = isInside ? rest.slice(2) : rest;
  // No namespace holds namespaces.
  if (resource === '' || more.length > 0 || (isInside && resource === 'namespaces')) return undefined;
  const verb = verbOf(method, name, query);
  const namespace = first === 'namespaces' ? (namespaced ?? '') : '';
  return verb === undefined ? undefined : { type: 'resource', verb, group, version, resource, subresource, namespace, name };
}

/** None where the path is not one: a slash too many, or a broken escape. One slash at the end says nothing. */
function segmentsOf(path: string): readonly string[] {
  try {
    const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/');
    return segments.includes('') ? [] : segments.map(decodeURIComponent);
  } catch {
    return [];
  }
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
