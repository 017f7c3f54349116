import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespaceCompanions } from '../controllers/namespace-defaults.ts';
import { AS_ANONYMOUS, startApiWorld, type ApiWorld } from '../../../test/support/api-world.ts';

/** Roles, reviews and tokens through the pipeline on a real store. `as` impersonates, which is for administrators. */
let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({ companions: namespaceCompanions('PEM') });
  await make('namespaces', { metadata: { name: 'shop' } }, '/api/v1');
  await make('serviceaccounts', { metadata: { name: 'bot' } }, '/api/v1/namespaces/shop');
});
afterAll(() => world.stop());

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLES = `${RBAC}/namespaces/shop/roles`;
const roleRef = (name: string, kind = 'ClusterRole') => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
const as = (user: string, ...groups: readonly string[]): Record<string, string> => ({
  'impersonate-user': user,
  ...(groups.length === 0 ? {} : { 'impersonate-group': groups.join(',') }),
});

async function make(plural: string, body: object, root = RBAC): Promise<unknown> {
  const reply = await world.call('POST', `${root}/${plural}`, body);
  expect(reply.status, reply.text).toBe(201);
  return reply.json();
}

/** HTTP code and, of a refusal, its message. */
async function said(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<string> {
  const type = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
  const reply = await world.call(method, path, body, { ...headers, ...type });
  const { message } = reply.json() as { readonly message?: string };
  return message === undefined ? String(reply.status) : `${reply.status} ${message}`;
}

test('roles: nobody gives away what they do not hold, nor gathers what they might not', async () => {
  const jane = as('jane', 'devs');
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }];
  expect(await said('POST', ROLES, { metadata: { name: 'r' }, rules }, jane)).toBe(
    '403 roles.rbac.authorization.k8s.io is forbidden: User "jane" cannot create resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "shop"',
  );
  await make('namespaces/shop/rolebindings', {
    metadata: { name: 'jane' },
    roleRef: roleRef('admin'),
    subjects: [{ kind: 'Group', name: 'devs' }],
  });
  expect(await said('POST', ROLES, { metadata: { name: 'r' }, rules }, jane)).toBe('201');
  const wider = { rules: [...rules, { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] }] };
  const refusal = `403 roles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}`;
  expect(await said('PATCH', `${ROLES}/r`, wider, jane)).toBe(refusal);
  await make('namespaces/shop/roles', {
    metadata: { name: 'escalates' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], resourceNames: ['r'], verbs: ['escalate'] }],
  });
  await make('namespaces/shop/rolebindings', {
    metadata: { name: 'up' },
    roleRef: roleRef('escalates', 'Role'),
    subjects: [{ kind: 'User', name: 'jane' }],
  });
  expect(await said('PATCH', `${ROLES}/r`, wider, jane)).toBe('200');
  // What it says now jane does not hold; others without the verb may still let it go, and mark it.
  const joe = as('joe', 'devs');
  expect(await said('PATCH', `${ROLES}/r`, { metadata: { finalizers: ['x.io/y'] } }, joe)).toBe('200');
  expect(await said('PATCH', `${ROLES}/r`, { metadata: { labels: { a: 'b' } } }, joe)).toContain('403 ');
  await make('clusterroles', {
    metadata: { name: 'roles' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['*'], resourceNames: [] }],
  });
  await make('clusterroles', {
    metadata: { name: 'makes' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create'] }],
  });
  await make('clusterrolebindings', {
    metadata: { name: 'makes' },
    roleRef: roleRef('makes'),
    subjects: [{ kind: 'User', name: 'jane' }],
  });
  const gathering = { metadata: { name: 'g' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  expect(await said('POST', `${RBAC}/clusterroles`, gathering, jane)).toBe(
    '403 clusterroles.rbac.authorization.k8s.io "g" is forbidden: must have cluster-admin privileges to use the aggregationRule',
  );
});

test('a PUT of what is not there needs the right to create it', async () => {
  await make('namespaces/shop/roles', {
    metadata: { name: 'updates' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['update'] }],
  });
  await make('namespaces/shop/rolebindings', {
    metadata: { name: 'up2' },
    roleRef: roleRef('updates', 'Role'),
    subjects: [{ kind: 'User', name: 'ann' }],
  });
  expect(await said('PUT', `${ROLES}/new`, { metadata: { name: 'new' }, rules: [] }, as('ann'))).toBe(
    '403 roles.rbac.authorization.k8s.io "new" is forbidden: User "ann" cannot create resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "shop"',
  );
  expect(await said('PUT', `${ROLES}/new`, { metadata: { name: 'new' }, rules: [] }, {})).toBe('201');
});

test('who may list and watch objects by their names does so by a selector of the name', async () => {
  await make('namespaces/shop/roles', {
    metadata: { name: 'one' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'], verbs: ['list', 'watch', 'deletecollection'] }],
  });
  await make('namespaces/shop/rolebindings', {
    metadata: { name: 'one' },
    roleRef: roleRef('one', 'Role'),
    subjects: [{ kind: 'User', name: 'eve' }],
  });
  const code = async (method: string, selector: string) => {
    const path = `/api/v1/namespaces/shop/configmaps?timeoutSeconds=1&${selector}`;
    return (await world.call(method, path, undefined, as('eve'))).status;
  };
  expect(await code('GET', 'fieldSelector=metadata.name%3Done')).toBe(200);
  expect(await code('GET', 'watch=1&fieldSelector=x%3Dy,metadata.name%3D%3Done')).toBe(400);
  expect(await code('GET', 'watch=1&resourceVersion=0&fieldSelector=metadata.name%3Done')).toBe(200);
  for (const other of [
    '',
    'fieldSelector=metadata.name%3Dtwo',
    'fieldSelector=metadata.name!%3Done',
    'fieldSelector=metadata.name',
  ])
    expect(await code('GET', other), other).toBe(403);
  expect(await code('GET', 'fieldSelector=&fieldSelector=metadata.name%3Done')).toBe(403);
  expect(await code('DELETE', 'fieldSelector=metadata.name%3Done')).toBe(403);
});

test('who may impersonate is a matter of roles', async () => {
  await make('clusterroles', {
    metadata: { name: 'as-bob' },
    rules: [{ apiGroups: [''], resources: ['users'], resourceNames: ['bob'], verbs: ['impersonate'] }],
  });
  await make('clusterrolebindings', {
    metadata: { name: 'as-bob' },
    roleRef: roleRef('as-bob'),
    subjects: [{ kind: 'Group', name: 'system:unauthenticated' }],
  });
  const path = '/apis';
  expect(await said('GET', path, undefined, { ...AS_ANONYMOUS, ...as('bob') })).toBe('200');
  expect(await said('GET', path, undefined, { ...AS_ANONYMOUS, ...as('rob') })).toContain('cannot impersonate resource "users"');
  expect(await said('GET', path, undefined, { ...AS_ANONYMOUS, ...as('bob', 'system:masters') })).toContain(
    'cannot impersonate resource "groups"',
  );
});

async function status(
  group: string,
  plural: string,
  spec: unknown,
  headers: Record<string, string> = {},
  namespace?: string,
): Promise<unknown> {
  const where = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const reply = await world.call('POST', `/apis/${group}/v1${where}/${plural}`, { spec }, headers);
  const { status: told, message } = reply.json() as { readonly status: unknown; readonly message?: string };
  return reply.status === 201 ? told : `${reply.status} ${message}`;
}

test('reviews of access', async () => {
  const authorization = 'authorization.k8s.io';
  await make('namespaces/shop/rolebindings', {
    metadata: { name: 'v' },
    roleRef: roleRef('view'),
    subjects: [{ kind: 'User', name: 'vera' }],
  });
  const pods = { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'shop' } };
  const by = 'RBAC: allowed by RoleBinding "v/shop" of ClusterRole "view" to User "vera"';
  expect(await status(authorization, 'subjectaccessreviews', { ...pods, user: 'vera' })).toEqual({ allowed: true, reason: by });
  expect(await status(authorization, 'subjectaccessreviews', { ...pods, user: 'bob' })).toEqual({ allowed: false });
  expect(await status(authorization, 'subjectaccessreviews', { ...pods, groups: ['system:masters'] })).toEqual({ allowed: true });
  expect(await status(authorization, 'localsubjectaccessreviews', { ...pods, user: 'vera' }, {}, 'shop')).toEqual({
    allowed: true,
    reason: by,
  });
  expect(await status(authorization, 'localsubjectaccessreviews', { ...pods, user: 'vera' }, {}, 'default')).toContain(
    'spec.resourceAttributes.namespace: Invalid value: "shop": must match metadata.namespace',
  );
  expect(await status(authorization, 'selfsubjectaccessreviews', pods, as('vera'))).toEqual({ allowed: true, reason: by });
  const path = { nonResourceAttributes: { verb: 'get', path: '/apis/x' } };
  expect(await status(authorization, 'selfsubjectaccessreviews', path, as('vera'))).toMatchObject({ allowed: true });
  expect(await status(authorization, 'selfsubjectaccessreviews', { ...path, ...pods }, as('vera'))).toMatch(
    /^422 .*spec.nonResourceAttributes: Invalid value: .*cannot be specified in combination with resourceAttributes/,
  );
  expect(await status(authorization, 'subjectaccessreviews', {})).toMatch(
    /^422 .*exactly one of .*at least one of user or group/,
  );
  const selecting = (selectors: object) => {
    const spec = { resourceAttributes: { ...pods.resourceAttributes, ...selectors } };
    return status(authorization, 'selfsubjectaccessreviews', spec, as('vera'));
  };
  const requirement = { key: 'spec.nodeName', operator: 'In', values: ['a'] };
  const fine = {
    fieldSelector: { requirements: [requirement] },
    labelSelector: { requirements: [{ key: 'a', operator: 'Later' }] },
  };
  expect(await selecting(fine)).toEqual({ allowed: true, reason: by });
  expect(await selecting({ fieldSelector: {} })).toContain(
    'fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
  );
  expect(await selecting({ labelSelector: { rawSelector: 'a', requirements: [{ key: '-', operator: 'In' }] } })).toMatch(
    /labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements.*requirements\[0\].values: Required value.*requirements\[0\].key: Invalid value: "-"/,
  );
  expect(await status(authorization, 'subjectaccessreviews', { ...pods, user: 'bob' }, as('vera'))).toMatch(
    /^403 .*cannot create resource/,
  );
  expect(await status(authorization, 'selfsubjectrulesreviews', { namespace: 'shop' }, as('vera'))).toMatchObject({
    incomplete: false,
    resourceRules: expect.arrayContaining([{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['namespaces'] }]),
    nonResourceRules: expect.arrayContaining([{ verbs: ['get'], nonResourceURLs: expect.arrayContaining(['/apis/*']) }]),
  });
  expect(await status(authorization, 'selfsubjectrulesreviews', {}, as('vera'))).toBe('400 no namespace on request');
  const listed = await world.call('GET', `/apis/${authorization}/v1/subjectaccessreviews`);
  expect(listed.status).toBe(405);
});

test('whose token it is', async () => {
  const authentication = 'authentication.k8s.io';
  const path = '/api/v1/namespaces/shop/serviceaccounts/bot/token';
  const token = async (spec: object) => {
    const reply = await world.call('POST', path, { spec });
    const { status: told, message } = reply.json() as { readonly status: { readonly token: string }; readonly message?: string };
    return reply.status === 201 ? told.token : `${reply.status} ${message}`;
  };
  const good = await token({ audiences: ['vault'] });
  expect(await status(authentication, 'tokenreviews', { token: good })).toEqual({
    user: {},
    error: expect.stringContaining('audiences'),
  });
  expect(await status(authentication, 'tokenreviews', { token: good, audiences: ['vault', 'x'] })).toMatchObject({
    authenticated: true,
    user: { username: 'system:serviceaccount:shop:bot' },
    audiences: ['vault'],
  });
  expect(await status(authentication, 'tokenreviews', { token: 'x' })).toEqual({ user: {}, error: 'invalid bearer token' });
  expect(await status(authentication, 'tokenreviews', {})).toBe('400 token is required for TokenReview in authentication');
  expect(await status(authentication, 'selfsubjectreviews', undefined, as('vera', 'devs'))).toEqual({
    userInfo: { username: 'vera', groups: ['devs', 'system:authenticated'] },
  });
  expect(await token({ expirationSeconds: 60 })).toBe(
    '422 TokenRequest.authentication.k8s.io "bot" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
  );
  expect(await token({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } })).toBe('404 pods "none" not found');
  expect(await token({ boundObjectRef: { kind: 'Job', apiVersion: 'batch/v1', name: 'none' } })).toBe(
    '400 cannot bind token to object of type batch/v1, Kind=Job',
  );
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  await make('pods', pod, '/api/v1/namespaces/shop');
  expect(await token({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } })).toBe(
    '400 cannot bind token for serviceaccount "bot" to pod running with different serviceaccount name.',
  );
  expect(await token({ boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'none' } })).toBe(
    '404 secrets "none" not found',
  );
});

test('a namespace is never seen without what every namespace has', async () => {
  const seen: (readonly string[])[] = [];
  const watch = world.store.storage.watch(world.store.storage.revision(), {
    batch: (entries) => void seen.push(entries.map(({ key }) => `${key.resource}/${key.name}`)),
    ended: () => undefined,
  });
  await make('namespaces', { metadata: { name: 'born' } }, '/api/v1');
  // News come a turn later.
  await expect.poll(() => seen.length).toBe(1);
  watch.stop();
  expect(seen[0]?.toSorted()).toEqual(['configmaps/kube-root-ca.crt', 'namespaces/born', 'serviceaccounts/default']);
  const account = (await world.call('GET', '/api/v1/namespaces/born/serviceaccounts/default')).json();
  expect(account).toMatchObject({ metadata: { uid: expect.any(String), creationTimestamp: expect.any(String) } });
});
