import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf, World, sentenceOf, type Standing } from '../../../../test/support/view-of.ts';
import { clusterRoleResource, type ClusterRole } from '../../../api/kinds/rbac/cluster-role.ts';
import type { PolicyRule } from '../../../api/kinds/rbac/rules.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Target, User } from '../../../rest/request.ts';
import { clusterRoleAggregation } from '../../controllers/cluster-role-aggregation.ts';
import { createAuthorizer } from '../authorizer.ts';
import { allows } from './allows.ts';
import { bootstrapChanges } from './bootstrap.ts';
import { compacted, ruleText, uncovered } from './covers.ts';
import { Grants } from './grants.ts';
import { rulesByKind } from './rules-by-kind.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from './resources.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** `get,list pods,apps/deployments web` or `get /healthz,/api/*`: verbs; resources, each behind its group; names. */
function rule(text: string): PolicyRule {
  const [verbs = '', what = '', names] = text.split(' ');
  const list = what.split(',');
  if (what.startsWith('/') || what === 'urls:*')
    return { verbs: verbs.split(','), nonResourceURLs: list.map((url) => url.replace('urls:', '')) };
  const [group = ''] = list.flatMap((each) => (each.includes(':') ? [each.split(':')[0] ?? ''] : []));
  return {
    verbs: verbs.split(','),
    apiGroups: [group],
    resources: list.map((each) => each.split(':').at(-1) ?? ''),
    ...(names === undefined ? {} : { resourceNames: names.split(',') }),
  };
}

/** `get pods`, `get apps:deployments/scale web`, `get /healthz`. */
function asked(text: string): Target {
  const [verb = '', what = '', name = ''] = text.split(' ');
  if (what.startsWith('/')) return { type: 'path', verb, path: what };
  const [plain = '', subresource = ''] = (what.split(':').at(-1) ?? '').split('/');
  const group = what.includes(':') ? (what.split(':')[0] ?? '') : '';
  return { type: 'asked', verb, group, resource: plain, subresource, namespace: 'default', name };
}

function checkAllows(text: string, allowed: readonly string[], denied: readonly string[]): void {
  for (const each of allowed) expect(allows(rule(text), asked(each)), `${text}: ${each}`).toBe(true);
  for (const each of denied) expect(allows(rule(text), asked(each)), `${text}: ${each}`).toBe(false);
}

test('what a rule allows', () => {
  checkAllows(
    'get,list pods',
    ['get pods', 'get pods web', 'list pods'],
    ['watch pods', 'get pods/log', 'get apps:pods', 'get /pods'],
  );
  checkAllows('* pods/log', ['get pods/log'], ['get pods', 'get pods/exec']);
  checkAllows('get */scale', ['get deployments/scale'], ['get deployments', 'get deployments/status', 'get scale']);
  checkAllows('get *', ['get pods', 'get pods/log', 'get */x'], ['get apps:pods', 'get /x']);
  checkAllows('* *:*', ['impersonate users', 'get apps:deployments/scale'], ['get /healthz']);
  checkAllows('get pods web', ['get pods web'], ['get pods', 'get pods db', 'get pods/log web']);
  checkAllows(
    'get /api,/apis/*',
    ['get /api', 'get /apis/', 'get /apis/apps/v1'],
    ['get /apis', 'get /api/v1', 'head /api', 'get pods'],
  );
  checkAllows('* urls:*', ['post /x', 'get /'], ['get pods']);
});

function checkUncovered(held: readonly string[], wanted: readonly string[], expected: readonly string[]): void {
  expect(compacted(uncovered(held.map(rule), wanted.map(rule))).map(ruleText)).toEqual(expected);
}

test('what rules lack of others', () => {
  checkUncovered(['get,list pods'], ['get pods', 'list pods'], []);
  checkUncovered(['get pods'], ['get,list,watch pods'], ['{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}']);
  checkUncovered(['* *:*', '* urls:*'], ['* *:*', 'get /x', 'bind x:y z'], []);
  checkUncovered(['get pods web'], ['get pods web', 'get pods'], ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']);
  checkUncovered(['get pods'], ['get pods web,db'], []);
  checkUncovered(['get */scale'], ['get a/scale', 'get scale'], ['{APIGroups:[""], Resources:["scale"], Verbs:["get"]}']);
  checkUncovered(['get /api/*'], ['get /api/v1', 'get /api'], ['{NonResourceURLs:["/api"], Verbs:["get"]}']);
  checkUncovered(['get /x'], ['get pods web'], ['{APIGroups:[""], Resources:["pods"], ResourceNames:["web"], Verbs:["get"]}']);
});

test('a role costs its length, not the product of its lists; one that says nothing of verbs gives nothing', () => {
  const many = (prefix: string) => Array.from({ length: 2_000 }, (_, index) => `${prefix}${index}`);
  const huge = { apiGroups: many('g'), resources: many('r'), verbs: many('v') };
  expect(uncovered([rule('get pods')], [huge, huge])).toEqual([huge, huge]);
  expect(uncovered([rule('get *:*'), rule('* *:*')], [huge])).toEqual([]);
  expect(
    uncovered([rule('get pods')], [{ ...rule('get pods'), resources: Array.from({ length: 50_000 }, () => 'pods') }]),
  ).toEqual([]);
  // Sound: it is asked before the role is found invalid.
  expect(uncovered([], [{ apiGroups: [''], resources: ['pods'] } as unknown as PolicyRule])).toEqual([]);
});

const words = (...list: readonly string[]) => fc.uniqueArray(fc.constantFrom(...list), { minLength: 1, maxLength: 3 });
const arbitraryRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: words('get', 'list', '*'),
  apiGroups: words('', 'apps', '*'),
  resources: words('pods', 'pods/log', '*/log', '*'),
});
const questions = ['get', 'list', 'watch'].flatMap((verb) =>
  ['pods', 'pods/log', 'apps:pods/log', 'x:nodes', 'nodes/log'].map((what) => asked(`${verb} ${what}`)),
);

test('who holds rules that cover others is never refused what those allow', () => {
  fc.assert(
    fc.property(fc.array(arbitraryRule, { maxLength: 4 }), arbitraryRule, (held, wanted) => {
      if (uncovered(held, [wanted]).length > 0) return;
      for (const question of questions)
        if (allows(wanted, question)) expect(held.some((each) => allows(each, question))).toBe(true);
    }),
  );
});

type Subject = { readonly kind: string; readonly name: string; readonly namespace?: string };

function binding(name: string, role: string, subjects: readonly Subject[], namespace?: string): Standing {
  return {
    resource: namespace === undefined ? CLUSTER_ROLE_BINDINGS : ROLE_BINDINGS,
    object: {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      roleRef: { apiGroup: GROUP, kind: role.startsWith('role-') ? 'Role' : 'ClusterRole', name: role },
      subjects,
    },
  };
}

function role(name: string, rules: readonly string[], namespace?: string): Standing {
  return {
    resource: namespace === undefined ? CLUSTER_ROLES : ROLES,
    object: {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRole' : 'Role',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      rules: rules.map(rule),
    },
  };
}

describe('grants', () => {
  const users = ['jane', 'system:serviceaccount:a:bot'].map((name) => ({ name, groups: ['devs', 'system:authenticated'] }));
  const arbitrarySubject = fc.constantFrom<Subject>(
    { kind: 'User', name: 'jane' },
    { kind: 'User', name: 'devs' },
    { kind: 'Group', name: 'devs' },
    { kind: 'ServiceAccount', name: 'bot', namespace: 'a' },
    { kind: 'ServiceAccount', name: 'bot' },
    { kind: 'Robot', name: 'jane' },
  );
  const arbitraryStanding = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('b1', 'b2', 'b3'),
        fc.constantFrom('r1', 'role-1', 'gone'),
        fc.array(arbitrarySubject, { maxLength: 3 }),
        fc.constantFrom('a', 'b'),
      )
      .map(([name, roleName, subjects, namespace]) => binding(name, roleName, subjects, namespace)),
    fc
      .tuple(fc.constantFrom('b1', 'b2'), fc.constantFrom('r1', 'gone'), fc.array(arbitrarySubject, { maxLength: 3 }))
      .map(([name, roleName, subjects]) => binding(name, roleName, subjects)),
    fc.constantFrom('get pods', 'list pods', 'get x named').map((text) => role('r1', [text])),
    fc
      .tuple(fc.constantFrom('get x', 'list x'), fc.constantFrom('a', 'b'))
      .map(([text, namespace]) => role('role-1', [text], namespace)),
  );

  /** By going through all bindings, as the words of the API say. */
  function naive(
    standing: readonly Standing[],
    user: { readonly name: string; readonly groups: readonly string[] },
    namespace: string,
  ): readonly string[] {
    const view = viewOf(standing);
    const bindings = [...view.list(CLUSTER_ROLE_BINDINGS), ...view.list(ROLE_BINDINGS, namespace)];
    return bindings
      .filter(({ metadata, subjects }) =>
        (subjects as readonly Subject[]).some(({ kind, name, namespace: own = metadata.namespace ?? '' }) => {
          if (kind === 'User') return user.name === name;
          if (kind === 'Group') return user.groups.includes(name);
          return kind === 'ServiceAccount' && own !== '' && user.name === `system:serviceaccount:${own}:${name}`;
        }),
      )
      .map(({ metadata, roleRef }) => {
        const { kind, name } = roleRef as { readonly kind: string; readonly name: string };
        const found = kind === 'Role' ? view.get(ROLES, metadata.namespace ?? '', name) : view.get(CLUSTER_ROLES, '', name);
        return found === undefined ? `no ${name}` : JSON.stringify(found['rules']);
      });
  }

  const place = ({ resource, object }: Standing) =>
    `${resource}/${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;

  test('never differ from what the bindings and roles that are there say, whatever has changed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(arbitraryStanding, fc.boolean()), { maxLength: 12 }), (steps) => {
        let standing: readonly Standing[] = [];
        const grants = new Grants(() => viewOf(standing));
        const { decide } = createAuthorizer(() => viewOf(standing));
        for (const [each, isDeletion] of steps) {
          standing = standing.filter((other) => place(other) !== place(each));
          if (!isDeletion) standing = [...standing, each];
          for (const user of users)
            for (const namespace of ['', 'a', 'b']) {
              const told = grants
                .of(user, namespace)
                .map((grant) => ('rules' in grant ? JSON.stringify(grant.rules) : `no ${/"(.*)"/.exec(grant.missing)?.[1]}`));
              const expected =
                namespace === ''
                  ? naive(
                      standing.filter(({ resource }) => resource !== ROLE_BINDINGS),
                      user,
                      '',
                    )
                  : naive(standing, user, namespace);
              expect(told.toSorted()).toEqual(expected.toSorted());
              for (const text of ['get pods', 'list pods', 'get x', 'get x named']) {
                const target: Target = { ...asked(text), namespace } as Target;
                const rules = expected.flatMap((each) => (each.startsWith('no ') ? [] : (JSON.parse(each) as PolicyRule[])));
                expect(decide(user, target).allowed).toBe(rules.some((one) => allows(one, target)));
              }
            }
        }
      }),
    );
  });

  test('never take a name for another that is put together from its parts', () => {
    const view = viewOf([
      role('r1', ['get pods']),
      binding('b1', 'r1', [{ kind: 'Group', name: 'devs' }]),
      binding('b2', 'r1', [{ kind: 'User', name: 'x/user jane' }], 'a'),
    ]);
    const { decide } = createAuthorizer(() => view);
    const may = (name: string, groups: readonly string[], namespace = 'b') =>
      decide({ name, groups }, { ...asked('get pods'), namespace } as Target).allowed;
    for (const parting of ['\0', ',', ' ', '","', '\n']) expect(may(`jane${parting}devs`, [])).toBe(false);
    expect(may('jane', ['devs'])).toBe(true);
    expect(may('jane', [], 'a/user x')).toBe(false);
  });

  test('remember what is asked often, and nothing that fills the memory', () => {
    const standing = viewOf([role('r1', ['get pods']), binding('b1', 'r1', [{ kind: 'Group', name: 'devs' }])]);
    const lists = new Map([CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES].map((resource) => [resource, standing.list(resource)]));
    const grants = new Grants(() => ({ ...standing, list: (resource) => lists.get(resource) ?? [] }));
    // A value for each question, as reviews make one: what is remembered of a value goes with it.
    const isRemembered = (user: User, namespace: string) =>
      grants.of({ ...user }, namespace) === grants.of({ ...user }, namespace);
    const [jane = { name: '', groups: [] }] = users;
    const long = 'x'.repeat(2_000);
    for (const namespace of ['', 'a']) {
      expect(isRemembered(jane, namespace)).toBe(true);
      expect(isRemembered({ ...jane, groups: ['devs', long] }, namespace)).toBe(false);
      expect(grants.of({ ...jane, groups: ['devs', long] }, namespace)).toHaveLength(1);
    }
    expect(isRemembered(jane, long)).toBe(false);
    expect(grants.of(jane, long)).toHaveLength(1);
    const [about, held] = [rulesByKind(), grants.of(jane, '')];
    const isKindRemembered = (text: string) => about(held, asked(text)) === about(held, asked(text));
    expect([isKindRemembered('get pods'), isKindRemembered(`get ${long}`), isKindRemembered(`${long} pods`)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('say by what something is allowed, and which role is missing', () => {
    const view = viewOf([
      role('r1', ['get pods']),
      binding(
        'b1',
        'r1',
        [
          { kind: 'User', name: 'x' },
          { kind: 'ServiceAccount', name: 'bot' },
        ],
        'a',
      ),
      binding('b2', 'gone', [{ kind: 'Group', name: 'devs' }]),
    ]);
    const { decide, rulesOf } = createAuthorizer(() => view);
    const [, bot] = users;
    const target = (text: string, namespace: string): Target => ({ ...asked(text), namespace }) as Target;
    expect(decide(bot!, target('get pods', 'a'))).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b1/a" of ClusterRole "r1" to ServiceAccount "bot/a"',
    });
    const missing = 'clusterrole.rbac.authorization.k8s.io "gone" not found';
    expect(decide(bot!, target('get pods', 'b'))).toEqual({ allowed: false, reason: `RBAC: ${missing}` });
    expect(rulesOf(bot!, 'a')).toEqual({ rules: [rule('get pods')], missing: [missing] });
  });
});

describe('the cluster’s own roles', () => {
  const start = (world: World) => {
    const changes = bootstrapChanges(world.view());
    for (const change of changes) {
      if (change.verb === 'create') world.add(change.resource, change.object);
      else if (change.verb === 'update') world.edit(change.resource, change.object.metadata.name ?? '', () => change.object);
      else if (change.verb === 'delete') world.remove(change.resource, change.name);
    }
    return changes.map(sentenceOf);
  };
  const started = () => {
    const world = new World();
    start(world);
    return world;
  };
  const edited = (resource: string, name: string, how: (object: KubeObject) => KubeObject) => {
    const world = started();
    world.edit(resource, name, how);
    return { world, said: start(world) };
  };

  test('are whole after a start, valid, and left alone by the next', () => {
    const world = started();
    expect(start(world)).toEqual([]);
    const view = world.view();
    for (const key of clusterRoleAggregation.keys(view))
      expect(clusterRoleAggregation.reconcile(key, view, 0).changes.map(sentenceOf)).toEqual([]);
    for (const each of world.all(CLUSTER_ROLES)) expect(clusterRoleResource.strategy.validate(each)).toEqual([]);
    const authorizer = createAuthorizer(() =>
      viewOf([...world.objects, ...['admin', 'edit', 'view'].map((name) => binding(name, name, [{ kind: 'User', name }]))]),
    );
    const may = (name: string, text: string) => authorizer.decide({ name, groups: [] }, asked(text)).allowed;
    const table: Readonly<Record<string, readonly [admin: boolean, edit: boolean, view: boolean]>> = {
      'get pods': [true, true, true],
      'get secrets': [true, true, false],
      'create apps:deployments': [true, true, false],
      'create pods/exec': [true, true, false],
      'create serviceaccounts/token': [true, true, false],
      [`create ${GROUP}:rolebindings`]: [true, false, false],
      [`create ${GROUP}:clusterrolebindings`]: [false, false, false],
      'get nodes': [false, false, false],
      'update namespaces': [false, false, false],
      'get discovery.k8s.io:endpointslices': [true, true, true],
      'list events': [true, true, true],
    };
    for (const [text, expected] of Object.entries(table))
      expect(
        ['admin', 'edit', 'view'].map((name) => may(name, text)),
        text,
      ).toEqual(expected);
  });

  test('get back what was taken from them, and keep what was added', () => {
    const { world, said } = edited(CLUSTER_ROLES, 'system:discovery', (object) => ({
      ...object,
      rules: [rule('get /api'), rule('get /mine')],
    }));
    expect(said).toEqual([`update ${CLUSTER_ROLES} system:discovery`]);
    const { rules = [] } = world.view().get(CLUSTER_ROLES, '', 'system:discovery') as ClusterRole;
    expect(uncovered(rules, [rule('get /api,/apis/*,/mine')])).toEqual([]);
    const bare = edited(CLUSTER_ROLE_BINDINGS, 'system:discovery', (object) => ({
      ...object,
      subjects: [{ kind: 'User', name: 'x' }],
    }));
    expect(bare.said).toEqual([`update ${CLUSTER_ROLE_BINDINGS} system:discovery`]);
    expect(bare.world.view().get(CLUSTER_ROLE_BINDINGS, '', 'system:discovery')?.['subjects']).toMatchObject([
      { name: 'x' },
      { name: 'system:authenticated' },
    ]);
    const other = edited(CLUSTER_ROLE_BINDINGS, 'cluster-admin', (object) => ({
      ...object,
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'view' },
    }));
    expect(other.said).toEqual([
      `delete ${CLUSTER_ROLE_BINDINGS} cluster-admin`,
      `create ${CLUSTER_ROLE_BINDINGS} cluster-admin`,
    ]);
  });

  test('are left alone where that is asked', () => {
    const { said } = edited(CLUSTER_ROLES, 'system:discovery', ({ metadata, ...object }) => ({
      ...object,
      metadata: { ...metadata, annotations: { [`${GROUP}/autoupdate`]: 'false' } },
      rules: [],
    }));
    expect(said).toEqual([]);
  });
});

test('a role gathers the rules of others, each once, and never its own', () => {
  const world = new World();
  const labels = { from: 'x' };
  const part = (name: string, text: string) => {
    const { resource, object } = role(name, [text]);
    world.add(resource, { ...object, metadata: { name, labels } });
  };
  part('b', 'list pods');
  part('a', 'get pods');
  part('c', 'get pods');
  world.add(CLUSTER_ROLES, {
    apiVersion: `${GROUP}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'all', labels },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }, { matchLabels: { from: 'y' } }] },
    rules: [rule('get secrets')],
  });
  expect(clusterRoleAggregation.keys(world.view())).toEqual(['all']);
  world.run(clusterRoleAggregation, 'all', 0);
  expect(world.view().get(CLUSTER_ROLES, '', 'all')?.['rules']).toEqual([rule('get pods'), rule('list pods')]);
  expect(world.run(clusterRoleAggregation, 'all', 0).changes).toEqual([]);
  const news = { resource: CLUSTER_ROLES, after: world.view().get(CLUSTER_ROLES, '', 'a')! };
  expect(clusterRoleAggregation.keysOf(news, world.view())).toEqual(['all']);
});
