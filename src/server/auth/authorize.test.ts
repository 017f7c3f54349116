import { expect, test } from 'vitest';
import { ANONYMOUS, type Target, type User, type Verb } from '../../rest/request.ts';
import { builtinControllers } from '../controllers/builtin.ts';
import { tokenSecrets } from '../controllers/token-secrets.ts';
import { createRegistry } from '../../api/registry.ts';
import { joinTokenCleaner } from '../join/token-cleaner.ts';
import { CONTROLLERS } from './authorize.ts';
import { createAuthorizer } from './authorizer.ts';
import { bootstrapBindings, bootstrapRoles } from './rbac/bootstrap-policy.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES } from './rbac/resources.ts';
import { viewOf } from '../../../test/support/view-of.ts';

const user = (name: string, ...groups: readonly string[]): User => ({ name, groups: [...groups, 'system:authenticated'] });
const jane = user('jane', 'dev');
const view = viewOf([
  ...bootstrapRoles().map((object) => ({ resource: CLUSTER_ROLES, object })),
  ...bootstrapBindings().map((object) => ({ resource: CLUSTER_ROLE_BINDINGS, object })),
]);
const { decide } = createAuthorizer(() => view);
const admin = user('kubernetes-admin', 'system:masters');

/** `delete pods kube-system/web`, `get /healthz`; `patch nodes/status /n1`, `create deployments.apps default/`. */
function target(text: string): Target {
  const [verb = '', what = '', where = '/'] = text.split(' ');
  if (what.startsWith('/')) return { type: 'path', verb, path: what };
  const [qualified = '', subresource = ''] = what.split('/');
  const [resource = '', ...group] = qualified.split('.');
  const [namespace = '', name = ''] = where.split('/');
  // Sound: the test writes only verbs that there are.
  return { type: 'resource', verb: verb as Verb, group: group.join('.'), version: 'v1', resource, subresource, namespace, name };
}

function checkAuthorize(who: User, allowed: readonly string[], denied: readonly string[]): void {
  for (const text of allowed) expect(decide(who, target(text)).allowed, `${who.name}: ${text}`).toBe(true);
  for (const text of denied) expect(decide(who, target(text)), `${who.name}: ${text}`).toEqual({ allowed: false, reason: '' });
}

test('administrators may do all', () => {
  checkAuthorize(admin, ['delete nodes /n1', 'get secrets kube-system/x', 'post /skerry.dev/v1/confirm', 'get /metrics'], []);
});

test('nobody known sees health, the version and the join', () => {
  checkAuthorize(
    ANONYMOUS,
    ['get /healthz', 'get /livez', 'get /readyz', 'get /version', 'post /skerry.dev/v1/join', 'get /skerry.dev/v1/ca'],
    [
      'get /api',
      'get /apis',
      'get /metrics',
      'post /skerry.dev/v1/confirm',
      'get pods default/',
      'get /readyz/etcd',
      'delete /healthz',
    ],
  );
});

test('a user without a role sees what is served, and no object', () => {
  checkAuthorize(
    jane,
    ['get /api', 'get /apis/apps/v1', 'get /openapi/v3', 'get /version'],
    ['get /apisx', 'get /metrics', 'list pods default/', 'create pods default/', 'post /skerry.dev/v1/confirm', 'create nodes /'],
  );
});

test('our loops may write what they are for, and read nothing', () => {
  checkAuthorize(
    user('system:controller:deployment'),
    ['create replicasets.apps default/', 'patch deployments.apps/status default/web', 'create events default/'],
    ['create pods default/', 'patch secrets default/x', 'get secrets default/x', 'list replicasets.apps default/'],
  );
  checkAuthorize(user('system:controller:generic-garbage-collector'), ['delete secrets default/x'], ['get secrets default/x']);
  checkAuthorize(user('system:controller:constructor'), ['create events default/'], ['create pods default/']);
  checkAuthorize(
    user('system:kube-scheduler'),
    ['create pods/binding default/web', 'patch pods/status default/web', 'create events default/'],
    ['delete pods default/web', 'patch nodes /n1'],
  );
  checkAuthorize(
    user('system:skerry:join'),
    ['create nodes /n1', 'delete nodes /n1'],
    ['create pods default/x', 'get nodes /n1'],
  );
});

test('a node reports on itself and its pods', () => {
  checkAuthorize(
    user('system:node:n1', 'system:nodes'),
    [
      'patch nodes /n1',
      'patch nodes/status /n1',
      'patch pods/status default/web',
      'delete pods default/web',
      'update leases.coordination.k8s.io kube-node-lease/n1',
      'update events default/',
    ],
    [
      'patch nodes /n2',
      'patch nodes/status /n2',
      'delete nodes /n1',
      'patch pods default/web',
      'create pods default/',
      'update leases.coordination.k8s.io kube-node-lease/n2',
      'update leases.coordination.k8s.io default/n1',
      'get secrets default/x',
    ],
  );
});

test('every controller has its permissions, and none is left over', () => {
  const controllers = [
    ...builtinControllers({ registry: () => createRegistry([]), caBundle: '' }),
    joinTokenCleaner,
    tokenSecrets({ caBundle: '', mint: () => '' }),
  ];
  expect(Object.keys(CONTROLLERS).toSorted()).toEqual(controllers.map(({ name }) => name).toSorted());
});
