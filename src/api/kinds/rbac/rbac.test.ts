import { expect, test } from 'vitest';
import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import { clusterRoleBindingResource } from './cluster-role-binding.ts';
import { clusterRoleResource } from './cluster-role.ts';
import { roleBindingResource } from './role-binding.ts';
import { roleResource } from './role.ts';

function object({ kind, strategy }: Resource, fields: object): KubeObject {
  return strategy.default({ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name: 'x' }, ...fields });
}

function check(resource: Resource, fields: object, ...expected: readonly string[]): void {
  const errors = resource.strategy.validate(object(resource, fields));
  expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
}

test('rules', () => {
  check(roleResource, {});
  check(roleResource, { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] });
  check(
    roleResource,
    { rules: [{}, { nonResourceURLs: ['/x'], verbs: ['get'] }] },
    'rules[0].verbs: Required value: verbs must contain at least one value',
    'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    'rules[0].resources: Required value: resource rules must supply at least one resource',
    'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
  );
  check(clusterRoleResource, { rules: [{ nonResourceURLs: ['/x'], verbs: ['get'] }] });
  check(
    clusterRoleResource,
    { rules: [{ nonResourceURLs: ['/x'], resources: ['pods'], verbs: ['get'] }], aggregationRule: {} },
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
    'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  );
});

test('bindings', () => {
  const roleRef = { kind: 'ClusterRole', name: 'view' };
  const bot = { kind: 'ServiceAccount', name: 'bot' };
  check(roleBindingResource, { roleRef, subjects: [bot, { kind: 'User', name: 'jane@example.org' }] });
  check(clusterRoleBindingResource, { roleRef, subjects: [bot] }, 'subjects[0].namespace: Required value');
  check(
    clusterRoleBindingResource,
    { roleRef: { apiGroup: 'x', kind: 'Role', name: 'a/b' } },
    'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    'roleRef.name: Invalid value: "a/b": may not contain \'/\'',
  );
  check(
    roleBindingResource,
    {
      roleRef,
      subjects: [
        { kind: 'Robot', name: '' },
        { ...bot, apiGroup: 'x' },
        { kind: 'Group', name: 'g', apiGroup: 'x' },
      ],
    },
    'subjects[0].name: Required value',
    'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    'subjects[1].apiGroup: Unsupported value: "x": supported values: ""',
    'subjects[2].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
  );
  check(
    roleBindingResource,
    {},
    'roleRef.apiGroup: Unsupported value: "": supported values: "rbac.authorization.k8s.io"',
    'roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"',
    'roleRef.name: Required value',
  );
  const old = object(roleBindingResource, { roleRef });
  const next = object(roleBindingResource, { roleRef: { ...roleRef, name: 'edit' } });
  expect(roleBindingResource.strategy.validateUpdate?.(next, old)).toMatchObject([{ field: 'roleRef' }]);
  expect(roleBindingResource.strategy.validateUpdate?.(old, old)).toEqual([]);
  expect(
    roleBindingResource.cells(object(roleBindingResource, { roleRef, subjects: [{ ...bot, namespace: 'a' }, bot] }), 0),
  ).toEqual(['x', 'ClusterRole/view', expect.any(String), '', '', 'a/bot, /bot']);
});
