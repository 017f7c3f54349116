import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubeConfig, AuthorizationV1Api, CoreV1Api } from '@kubernetes/client-node';
import { end, run, start, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import type { KubectlVersion } from '../../scripts/lab/kubectl.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { kubectl } from '../support/kubectl.ts';

/** Roles, tokens and reviews as stock kubectl uses them, against the program itself: no nodes. */
let work: string;
let url: string;
let server: ChildProcess;

beforeAll(async () => {
  work = mkdtempSync('/var/tmp/skerry-rbac-');
  url = `https://127.0.0.1:${await freePort()}`;
  await startServer();
});
afterAll(async () => {
  await end(server);
  rmSync(work, { recursive: true, force: true });
});

async function startServer(): Promise<void> {
  const argv = ['server', '--no-agent', '--data-dir', join(work, 'data'), '--listen', url.slice('https://'.length)];
  server = start(PROGRAM, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  await waitFor('the server to be ready', async () => {
    const { code } = await tryRun(kubectl('1.36'), [...admin(), 'get', '--raw', '/readyz']);
    return code === 0 || undefined;
  });
}

const admin = () => ['--kubeconfig', join(work, 'data/admin.kubeconfig'), '--cache-dir', join(work, 'cache')];

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      // Sound: a TCP server that listens has an address with a port.
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** A kubeconfig of a user with this certificate's groups, made by the program. */
async function certificateOf(user: string, ...groups: readonly string[]): Promise<string> {
  const file = join(work, `${user}.kubeconfig`);
  const argv = ['kubeconfig', '--data-dir', join(work, 'data'), '--server', url, '--user', user];
  writeFileSync(file, await run(PROGRAM, [...argv, ...groups.flatMap((group) => ['--group', group])]));
  return file;
}

/** One with this token and nothing else. */
function tokenFile(name: string, token: string): string {
  const file = join(work, `${name}.kubeconfig`);
  const ca = /certificate-authority-data: (\S+)/.exec(readFileSync(join(work, 'data/admin.kubeconfig'), 'utf8'))?.[1];
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [{ name: 'x', cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'x', user: { token: token.trim() } }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

for (const version of ['1.20', '1.32', '1.36'] as const) describe(`kubectl ${version}`, () => script(version));

function script(version: KubectlVersion): void {
  const namespace = `v${version.replace('.', '-')}`;
  const cache = () => ['--cache-dir', join(work, version), '-n', namespace];
  const k = (...argv: readonly string[]) => run(kubectl(version), [...admin(), ...cache(), ...argv]);
  const as = (file: string, ...argv: readonly string[]) => tryRun(kubectl(version), ['--kubeconfig', file, ...cache(), ...argv]);
  const said = async (file: string, ...argv: readonly string[]) => {
    const { code, stdout, stderr } = await as(file, ...argv);
    return `${code} ${stdout}${stderr}`.trim();
  };
  const file = (name: string, value: unknown) => {
    const path = join(work, `${version}-${name}.json`);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const user = `jane-${namespace}`;
  let jane: string;

  test('a new namespace has what every namespace has, at once', async () => {
    await k('create', 'namespace', namespace);
    expect(await k('get', 'serviceaccount/default', 'configmap/kube-root-ca.crt', '-o', 'name')).toBe(
      'serviceaccount/default\nconfigmap/kube-root-ca.crt\n',
    );
    jane = await certificateOf(user, `devs-${namespace}`);
  });

  test('nobody may do anything without a role, and is told so', async () => {
    expect(await said(jane, 'get', 'pods')).toBe(
      `1 Error from server (Forbidden): pods is forbidden: User "${user}" cannot list resource "pods" in API group "" in the namespace "${namespace}"`,
    );
    expect(await said(jane, 'get', 'nodes')).toContain(`cannot list resource "nodes" in API group "" at the cluster scope`);
    expect(await said(jane, 'auth', 'can-i', 'list', 'pods')).toMatch(/^1 no/);
    expect(await said(jane, 'get', '--raw', '/metrics')).toContain(`User "${user}" cannot get path "/metrics"`);
    expect(await said(jane, 'get', '--raw', '/version')).toMatch(/^0 /);
  });

  test('create role, rolebinding, clusterrole, clusterrolebinding; get; describe', async () => {
    await k('create', 'role', 'reader', '--verb=get,list', '--resource=configmaps', '--resource-name=one');
    await k('create', 'role', 'writer', '--verb=*', '--resource=deployments.apps,pods/log');
    await k('create', 'rolebinding', 'devs', '--role=writer', `--group=devs-${namespace}`, '--serviceaccount=default:x');
    await k('create', 'rolebinding', 'jane', '--role=reader', `--user=${user}`);
    await k('create', 'clusterrole', `metrics-${namespace}`, '--verb=get', '--non-resource-url=/metrics');
    await k('create', 'clusterrolebinding', `metrics-${namespace}`, `--clusterrole=metrics-${namespace}`, `--user=${user}`);
    await k('create', 'clusterrole', `all-${namespace}`, `--aggregation-rule=from=${namespace}`);
    expect(await k('get', 'roles')).toMatch(/NAME\s+CREATED AT\nreader\s+20\d\d-.*\nwriter\s+20/);
    expect(await k('get', 'rolebindings', '-o', 'wide')).toMatch(
      new RegExp(
        `NAME\\s+ROLE\\s+AGE\\s+USERS\\s+GROUPS\\s+SERVICEACCOUNTS\\ndevs\\s+Role/writer\\s+\\S+\\s+devs-${namespace}\\s+default/x\\s*\\njane\\s+Role/reader\\s+\\S+\\s+${user}`,
      ),
    );
    expect(await k('describe', 'role', 'writer')).toMatch(/deployments.apps\s+\[\]\s+\[\]\s+\[\*\]/);
    expect(await k('describe', 'rolebinding', 'jane')).toMatch(new RegExp(`Kind:\\s+Role\\s+Name:\\s+reader[^]*User\\s+${user}`));
  });

  test('what roles give, and no more', async () => {
    await k('create', 'configmap', 'one', '--from-literal=a=1');
    await k('create', 'configmap', 'two', '--from-literal=a=1');
    expect(await said(jane, 'get', 'configmap', 'one', '-o', 'name')).toBe('0 configmap/one');
    expect(await said(jane, 'get', 'configmap', 'two')).toContain('configmaps "two" is forbidden');
    expect(await said(jane, 'get', 'configmaps')).toContain('cannot list resource "configmaps"');
    expect(await said(jane, 'create', 'deployment', 'web', '--image=demo/web:1')).toContain('deployment.apps/web created');
    expect(await said(jane, '-n', 'default', 'get', 'deployments')).toContain('in the namespace "default"');
    expect(await said(jane, 'get', 'pods')).toContain('cannot list resource "pods"');
    expect(await said(jane, 'get', '--raw', '/metrics')).toMatch(/^0 /);
    expect(await said(jane, 'auth', 'can-i', 'delete', 'deployments.apps')).toBe('0 yes');
    expect(await said(jane, 'auth', 'can-i', 'get', 'pods', '--subresource=log')).toBe('0 yes');
    expect(await said(jane, 'auth', 'can-i', '--list')).toMatch(/deployments.apps\s+\[\]\s+\[\]\s+\[\*\]/);
    expect(await k('auth', 'can-i', '*', '*')).toBe('yes\n');
    expect(await k('auth', 'can-i', 'list', 'deployments.apps', '--as', user, '--as-group', `devs-${namespace}`)).toBe('yes\n');
    await k('delete', 'rolebinding', 'devs');
    expect(await said(jane, 'get', 'deployments')).toContain('cannot list resource "deployments" in API group "apps"');
  });

  test('nobody gives away what they do not hold', async () => {
    await k('create', 'rolebinding', 'admin', '--clusterrole=admin', `--user=${user}`);
    expect(await said(jane, 'create', 'role', 'fine', '--verb=get', '--resource=secrets')).toContain(
      'role.rbac.authorization.k8s.io/fine created',
    );
    const refusal = await said(jane, 'create', 'role', 'more', '--verb=get,list', '--resource=nodes,secrets');
    expect(refusal).toContain(
      `roles.rbac.authorization.k8s.io "more" is forbidden: user "${user}" (groups=["devs-${namespace}" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}`,
    );
    expect(await said(jane, 'create', 'rolebinding', 'up', '--clusterrole=cluster-admin', `--user=${user}`)).toContain(
      'is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
    );
    expect(await said(jane, 'create', 'rolebinding', 'none', '--clusterrole=nosuch', '--user=x')).toContain(
      'clusterroles.rbac.authorization.k8s.io "nosuch" not found',
    );
    expect(await said(jane, 'create', 'rolebinding', 'fine', '--clusterrole=view', '--user=joe')).toContain('created');
    await k(
      'create',
      'clusterrole',
      `binds-${namespace}`,
      '--verb=bind',
      '--resource=clusterroles',
      '--resource-name=cluster-admin',
    );
    await k('create', 'rolebinding', 'binds', `--clusterrole=binds-${namespace}`, `--user=${user}`);
    expect(await said(jane, 'create', 'rolebinding', 'up', '--clusterrole=cluster-admin', `--user=${user}`)).toContain('created');
    expect(await said(jane, 'get', 'nodes')).toContain('at the cluster scope');
  });

  test('roles gather the rules of others', async () => {
    await k('create', 'clusterrole', `part-${namespace}`, '--verb=list', '--resource=nodes');
    await k('label', 'clusterrole', `part-${namespace}`, `from=${namespace}`);
    await waitFor(
      'the rules to be gathered',
      async () =>
        (await k('get', 'clusterrole', `all-${namespace}`, '-o', 'jsonpath={.rules[*].resources}')).includes('nodes') ||
        undefined,
    );
    await k('delete', 'clusterrole', `part-${namespace}`);
    await waitFor(
      'the rules to be gone',
      async () => (await k('get', 'clusterrole', `all-${namespace}`, '-o', 'jsonpath={.rules[*].resources}')) === '' || undefined,
    );
  });

  test('auth reconcile makes what is missing and adds what is wanted', async () => {
    const role = (...verbs: readonly string[]) =>
      file('reconciled', {
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'Role',
            metadata: { name: 'reconciled', namespace },
            rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
          },
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'RoleBinding',
            metadata: { name: 'reconciled', namespace },
            roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reconciled' },
            subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
          },
        ],
      });
    await k('auth', 'reconcile', '-f', role('get'));
    await k('auth', 'reconcile', '-f', role('list'));
    expect(await k('get', 'role', 'reconciled', '-o', 'jsonpath={.rules[*].verbs[*]}')).toBe('get list');
    expect(await k('auth', 'can-i', 'list', 'pods', '--as', `system:serviceaccount:${namespace}:default`)).toBe('yes\n');
  });

  test('wrong roles and bindings are refused in upstream’s words', async () => {
    const wrong = async (kind: string, body: object) => {
      const { code, stderr } = await tryRun(kubectl(version), [...admin(), ...cache(), 'create', '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name: 'wrong' }, ...body }),
      });
      expect(code).toBe(1);
      return stderr;
    };
    expect(await wrong('Role', { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] })).toContain(
      'namespaced rules cannot apply to non-resource URLs',
    );
    expect(await wrong('ClusterRole', { rules: [{ verbs: ['get'], apiGroups: [''] }] })).toContain(
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    );
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
    expect(await wrong('ClusterRoleBinding', { roleRef, subjects: [] })).toContain(
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    );
    expect(await wrong('RoleBinding', { roleRef, subjects: [{ kind: 'Robot', name: 'x' }] })).toContain(
      'subjects[0].kind: Unsupported value: "Robot"',
    );
    const patch = await tryRun(kubectl(version), [
      ...admin(),
      ...cache(),
      'patch',
      'rolebinding',
      'jane',
      '--type=merge',
      '-p',
      '{"roleRef":{"name":"writer"}}',
    ]);
    expect(patch.stderr).toContain('cannot change roleRef');
  });

  // `kubectl create token` is younger than 1.20; the token of a secret is older than it.
  const tokenOf = async (account: string, ...more: readonly string[]): Promise<string> =>
    run(kubectl('1.36'), [...admin(), '-n', namespace, 'create', 'token', account, ...more]);

  test('a service account by its token, until it is deleted', async () => {
    await k('create', 'serviceaccount', 'bot');
    await k('create', 'rolebinding', 'bot', '--clusterrole=view', `--serviceaccount=${namespace}:bot`);
    const bot = tokenFile(`bot-${namespace}`, await tokenOf('bot', '--duration=10m'));
    expect(await said(bot, 'get', 'configmap', 'one', '-o', 'name')).toBe('0 configmap/one');
    expect(await said(bot, 'get', 'secrets')).toContain(
      `secrets is forbidden: User "system:serviceaccount:${namespace}:bot" cannot list resource "secrets"`,
    );
    const foreign = tokenFile(`foreign-${namespace}`, await tokenOf('bot', '--audience=vault'));
    expect(await said(foreign, 'get', 'configmap', 'one')).toContain('must be logged in');
    await k('create', 'secret', 'generic', 'bond');
    const bound = tokenFile(`bound-${namespace}`, await tokenOf('bot', '--bound-object-kind=Secret', '--bound-object-name=bond'));
    expect(await said(bound, 'get', 'configmap', 'one', '-o', 'name')).toBe('0 configmap/one');
    await k('delete', 'secret', 'bond');
    expect(await said(bound, 'get', 'configmap', 'one')).toContain('must be logged in');
    await k('delete', 'serviceaccount', 'bot');
    expect(await said(bot, 'get', 'configmap', 'one')).toContain('must be logged in');
    await k('create', 'serviceaccount', 'bot');
    expect(await said(bot, 'get', 'configmap', 'one')).toContain('must be logged in');
  });

  test('tokens that are none are refused, wherever', async () => {
    const none = tokenFile(`none-${namespace}`, 'abc.def.ghi');
    expect(await said(none, 'get', 'pods')).toContain('must be logged in');
    expect(await said(none, 'get', '--raw', '/version')).toMatch(/^1 .*(Unauthorized|logged in)/);
  });

  test('a secret holds a token of its account, until either goes', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { name: 'lasting', annotations: { 'kubernetes.io/service-account.name': 'bot' } },
    };
    await k('create', '-f', file('secret', secret));
    const token = await waitFor(
      'the token',
      async () => (await k('get', 'secret', 'lasting', '-o', 'jsonpath={.data.token}')) || undefined,
    );
    const lasting = tokenFile(`lasting-${namespace}`, Buffer.from(token, 'base64').toString());
    expect(await said(lasting, 'get', 'configmap', 'one', '-o', 'name')).toBe('0 configmap/one');
    // kubectl tells them in any order.
    const described = await k('describe', 'secret', 'lasting');
    for (const part of [/ca\.crt:\s+\d+ bytes/, /namespace:\s+\d bytes/]) expect(described).toMatch(part);
    await k('delete', 'serviceaccount', 'bot');
    expect(await said(lasting, 'get', 'configmap', 'one')).toContain('must be logged in');
    await waitFor('the secret to go with its account', async () => {
      const { stderr } = await tryRun(kubectl(version), [...admin(), ...cache(), 'get', 'secret', 'lasting']);
      return stderr.includes('not found') || undefined;
    });
  });

  test('whoami, and whose token it is', async () => {
    if (version !== '1.20')
      expect(await said(jane, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe(`0 ${user}`);
    const token = (await tokenOf('default')).trim();
    const review = file('review', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } });
    expect(JSON.parse(await k('create', '-f', review, '-o', 'json'))).toMatchObject({
      status: {
        authenticated: true,
        user: {
          username: `system:serviceaccount:${namespace}:default`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        },
        audiences: ['https://kubernetes.default.svc.cluster.local'],
      },
    });
  });

  test('delete the namespace: its tokens go with it', async () => {
    const token = tokenFile(`last-${namespace}`, await tokenOf('default'));
    expect(await said(token, 'auth', 'can-i', 'get', 'pods')).toBe('0 yes');
    await k('delete', 'namespace', namespace, '--timeout=60s');
    expect(await said(token, 'auth', 'can-i', 'get', 'pods')).toContain('must be logged in');
  });
}

test('@kubernetes/client-node with a token', async () => {
  const token = await run(kubectl('1.36'), [...admin(), '-n', 'default', 'create', 'token', 'default']);
  const config = new KubeConfig();
  config.loadFromFile(tokenFile('client-node', token));
  const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
    body: { spec: { resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'default' } } },
  });
  expect(review.status).toEqual({ allowed: false });
  await expect(config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: 'default' })).rejects.toMatchObject({ code: 403 });
});

test('a restart changes nothing: tokens, roles, what was taken away; what was deleted of the cluster’s own comes back', async () => {
  const k = (...argv: readonly string[]) => run(kubectl('1.36'), [...admin(), ...argv]);
  const token = tokenFile('kept', await k('create', 'token', 'default'));
  await k('delete', 'clusterrolebinding', 'system:discovery');
  await k('annotate', 'clusterrolebinding', 'system:monitoring', 'rbac.authorization.k8s.io/autoupdate=false', '--overwrite');
  await k('patch', 'clusterrolebinding', 'system:monitoring', '--type=json', '-p', '[{"op":"remove","path":"/subjects"}]');
  await k('patch', 'clusterrole', 'system:basic-user', '--type=json', '-p', '[{"op":"remove","path":"/rules/0"}]');
  const before = await k('get', 'clusterrole', 'admin', '-o', 'jsonpath={.metadata.resourceVersion}');
  await end(server);
  await startServer();
  expect(await k('get', 'clusterrole', 'admin', '-o', 'jsonpath={.metadata.resourceVersion}')).toBe(before);
  expect(await k('get', 'clusterrolebinding', 'system:discovery', '-o', 'name')).toContain('system:discovery');
  expect(await k('get', 'clusterrolebinding', 'system:monitoring', '-o', 'jsonpath={.subjects}')).toBe('');
  expect(await k('get', 'clusterrole', 'system:basic-user', '-o', 'jsonpath={.rules[*].resources}')).toContain(
    'selfsubjectaccessreviews',
  );
  const { stdout } = await tryRun(kubectl('1.36'), [
    '--kubeconfig',
    token,
    'auth',
    'can-i',
    'create',
    'selfsubjectaccessreviews',
  ]);
  expect(stdout).toContain('yes');
});

test('who holds a token keeps the connection', async () => {
  const token = (await run(kubectl('1.36'), [...admin(), '-n', 'default', 'create', 'token', 'default'])).trim();
  const connectionOf = (headers: Record<string, string>) =>
    new Promise<string | undefined>((resolve, reject) =>
      httpsGet(`${url}/version`, { headers, rejectUnauthorized: false }, (answer) => {
        answer.resume();
        resolve(answer.headers.connection);
      }).on('error', reject),
    );
  expect(await connectionOf({})).toBe('close');
  expect(await connectionOf({ authorization: `Bearer ${token}` })).toBe('keep-alive');
});
