import fc from 'fast-check';
import { expect, test } from 'vitest';
import { route } from './route.ts';

/** As a sentence: `get pods/log.group web in team`, or `GET-path /…` where it is no resource. */
function sentence(method: string, url: string): string {
  const [path = '', query = ''] = url.split('?');
  const target = route(method, path, new URLSearchParams(query));
  if (target.type === 'path') return `path ${target.verb} ${target.path}`;
  const { verb, group, version, resource, subresource, namespace, name } = target;
  const what = `${resource}${subresource === '' ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`} ${version}`;
  return `${verb} ${what}${name === '' ? '' : ` ${name}`}${namespace === '' ? '' : ` in ${namespace}`}`;
}

function checkRoute(request: string, expected: string): void {
  const [method = '', url = ''] = request.split(' ');
  expect(sentence(method, url), request).toBe(expected);
}

test('what is asked for, by method, path and query', () => {
  checkRoute('GET /api/v1/pods', 'list pods v1');
  checkRoute('GET /api/v1/namespaces/team/pods', 'list pods v1 in team');
  checkRoute('GET /api/v1/namespaces/team/pods/', 'list pods v1 in team');
  checkRoute('GET /api/v1/namespaces/team/pods/web', 'get pods v1 web in team');
  checkRoute('GET /api/v1/namespaces/team/pods/web/log', 'get pods/log v1 web in team');
  checkRoute('POST /api/v1/namespaces/team/pods/web/binding', 'create pods/binding v1 web in team');
  checkRoute('PATCH /apis/apps/v1/namespaces/team/deployments/web/scale', 'patch deployments/scale.apps v1 web in team');
  checkRoute('DELETE /apis/apps/v1/namespaces/team/deployments', 'deletecollection deployments.apps v1 in team');
  checkRoute('DELETE /apis/apps/v1/namespaces/team/deployments/web', 'delete deployments.apps v1 web in team');
  checkRoute('PUT /api/v1/nodes/n1/status', 'update nodes/status v1 n1');
  checkRoute('HEAD /api/v1/nodes/n1', 'get nodes v1 n1');
  checkRoute('GET /api/v1/nodes/a%20b%2Fc', 'get nodes v1 a b/c');
});

test('a namespace is in itself, as upstream tells who may not read it', () => {
  checkRoute('GET /api/v1/namespaces', 'list namespaces v1');
  checkRoute('GET /api/v1/namespaces/team', 'get namespaces v1 team in team');
  checkRoute('PUT /api/v1/namespaces/team/finalize', 'update namespaces/finalize v1 team in team');
  checkRoute('PATCH /api/v1/namespaces/team/status', 'patch namespaces/status v1 team in team');
  checkRoute('GET /api/v1/namespaces/team/status/web', 'path get /api/v1/namespaces/team/status/web');
  checkRoute('GET /api/v1/namespaces/team/namespaces', 'path get /api/v1/namespaces/team/namespaces');
});

test('a collection is watched, one object is read: whatever watch says of it', () => {
  for (const yes of ['true', '1', 'True', 'yes', '']) checkRoute(`GET /api/v1/pods?watch=${yes}`, 'watch pods v1');
  for (const no of ['false', '0', 'FALSE']) checkRoute(`GET /api/v1/pods?watch=${no}`, 'list pods v1');
  checkRoute('GET /api/v1/nodes/n1?watch=true', 'get nodes v1 n1');
  checkRoute('GET /api/v1/nodes/n1/status?watch=true', 'get nodes/status v1 n1');
});

test('paths that are no resource', () => {
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/healthz',
    '/openapi/v3/apis/apps/v1',
    '//api/v1/pods',
    '/api/v1/pods//',
    '/api/v1/pods/%zz',
    '/api/v1/nodes/a/b/c',
  ])
    checkRoute(`GET ${path}`, `path get ${path}`);
  checkRoute('OPTIONS /api/v1/pods', 'path options /api/v1/pods');
});

test('no path makes it throw, and none leaves its namespace', () => {
  const segment = fc.oneof(
    fc.string(),
    fc.constantFrom('api', 'apis', 'v1', 'apps', 'namespaces', 'pods', '..', '.', '%2e%2e', '%'),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'PUT', 'TRACE', ''),
      fc.array(segment, { maxLength: 9 }),
      fc.string(),
      (method, parts, query) => {
        const target = route(method, `/${parts.join('/')}`, new URLSearchParams(query));
        if (target.type === 'resource') expect(target.resource).not.toBe('');
        const inside = route('GET', `/api/v1/namespaces/team/${parts.map(encodeURIComponent).join('/')}`, new URLSearchParams());
        if (inside.type === 'resource') expect(inside.namespace).toBe('team');
      },
    ),
  );
});
