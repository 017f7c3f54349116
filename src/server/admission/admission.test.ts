import { describe, expect, test } from 'vitest';
import type { PodSpec } from '#api/generated/types.ts';
import { builtinResources } from '#api/kinds/builtin.ts';
import type { KubeObject } from '#api/object.ts';
import { newJoinToken } from '#api/join-token.ts';
import { seededIds, systemIds } from '#lib/ids.ts';
import type { Attempt } from '#rest/admission.ts';
import { USER, openCluster, pod, refusalOf, specOf } from '../../../test/support/admission.ts';
import { openTestStore } from '../../../test/support/store.ts';
import { createAuthorizer } from '../auth/authorizer.ts';
import { builtinAdmissions } from './builtin.ts';

describe('JoinTokens', () => {
  test('a token that takes a node’s place is for a node that is there and not the server’s own', async () => {
    const { create, put, update } = await openCluster({ namespaces: ['default', 'kube-system'] });
    const node = (name: string, labels = {}) =>
      put('nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels, uid: name, creationTimestamp: '2026-01-01T00:00:00Z' },
      });
    await node('edge-7');
    await node('pier-1', { 'node-role.kubernetes.io/control-plane': '' });
    const secretOf = (replaces?: string) => {
      const made = { caKeyHash: '0f'.repeat(32), ttlMs: 60_000, uses: 1, ids: systemIds, now: 0 };
      return { ...newJoinToken({ ...made, ...(replaces === undefined ? {} : { replaces }) }).secret, kind: 'Secret' };
    };
    const make = (replaces?: string, namespace = 'kube-system') =>
      create('secrets', { ...secretOf(replaces), metadata: { ...secretOf(replaces).metadata, namespace } }, namespace);
    await make();
    await make('edge-7');
    expect(await refusalOf(make('egde-7'))).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: expect.stringMatching(/^nodes "egde-7" not found: .*kubectl get nodes/),
    });
    expect(await refusalOf(make('pier-1'))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: expect.stringContaining("it is the server's own node"),
    });
    // What is elsewhere is no join token.
    await make('egde-7', 'default');
    const plain = await make();
    const replaces = Buffer.from('pier-1').toString('base64');
    const change = update(
      'secrets',
      plain.metadata.name ?? '',
      (old) => ({ ...old, data: { ...Object(old['data']), replaces } }),
      'kube-system',
    );
    expect(await refusalOf(change)).toMatchObject({ code: 422 });
  });
});

describe('NamespaceLifecycle', () => {
  test('a missing namespace', async () => {
    const { create } = await openCluster();
    expect(await refusalOf(create('configmaps', { kind: 'ConfigMap', metadata: { name: 'c' } }, 'nons'))).toEqual({
      code: 404,
      reason: 'NotFound',
      message: 'namespaces "nons" not found',
      details: { name: 'nons', kind: 'namespaces' },
    });
  });

  test('a missing namespace is told before what is wrong with the object', async () => {
    const { create } = await openCluster();
    expect((await refusalOf(create('configmaps', { kind: 'ConfigMap', metadata: { name: 'B_d' } }, 'nons'))).code).toBe(404);
  });

  test('one that is going away takes nothing new, but what is there can change and go', async () => {
    const { create, update, remove } = await openCluster();
    const configMap = { kind: 'ConfigMap', metadata: { name: 'c' } };
    await create('configmaps', configMap, 'shop');
    await remove('namespaces', 'shop', '');
    expect(await refusalOf(create('configmaps', { kind: 'ConfigMap', metadata: { generateName: 'x-' } }, 'shop'))).toEqual({
      code: 403,
      reason: 'Forbidden',
      message: expect.stringMatching(
        /^configmaps "x-\w{5}" is forbidden: unable to create new content in namespace shop because it is being terminated$/,
      ),
      details: {
        name: expect.stringMatching(/^x-/),
        kind: 'configmaps',
        causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated', field: 'metadata.namespace' }],
      },
    });
    await update('configmaps', 'c', (old) => ({ ...old, data: { a: 'b' } }), 'shop');
    expect((await remove('configmaps', 'c', 'shop')).removed).toBe(true);
  });

  test.each(['default', 'kube-system', 'kube-public', 'kube-node-lease'])('%s stays', async (name) => {
    const { remove, store } = await openCluster({ namespaces: ['default', 'kube-system', 'kube-public', 'kube-node-lease'] });
    expect(await refusalOf(remove('namespaces', name, ''))).toEqual({
      code: 403,
      reason: 'Forbidden',
      message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      details: { name, kind: 'namespaces' },
    });
    expect(store.view().get('namespaces', '', name)?.metadata.deletionTimestamp).toBe(undefined);
  });
});

describe('pods', () => {
  test('get an account, tolerations for as long as it takes, and a priority', async () => {
    const { create } = await openCluster();
    expect(specOf(await create('pods', pod()))).toMatchObject({
      serviceAccountName: 'default',
      serviceAccount: 'default',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
      ],
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
  });

  test('an account that does not exist is refused, one that does gives its pull secrets', async () => {
    const { create } = await openCluster();
    const robot = pod({ serviceAccountName: 'robot' });
    expect(await refusalOf(create('pods', robot))).toMatchObject({
      code: 403,
      message: 'pods "p" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
    });
    await create('serviceaccounts', {
      kind: 'ServiceAccount',
      metadata: { name: 'robot' },
      imagePullSecrets: [{ name: 'registry' }],
    });
    expect(specOf(await create('pods', robot))).toMatchObject({
      serviceAccountName: 'robot',
      imagePullSecrets: [{ name: 'registry' }],
    });
    const own = pod({ serviceAccountName: 'robot', imagePullSecrets: [{ name: 'own' }] }, { name: 'q' });
    expect(specOf(await create('pods', own))).toMatchObject({ imagePullSecrets: [{ name: 'own' }] });
  });

  /** Names of volumes, and what each container mounts, as `container volume path`. */
  async function checkTokenVolume(spec: object, expected: readonly string[], account: object = {}): Promise<void> {
    const { create } = await openCluster();
    await create('serviceaccounts', { kind: 'ServiceAccount', metadata: { name: 'robot' }, ...account });
    const made = specOf(await create('pods', pod({ serviceAccountName: 'robot', ...spec }))) as PodSpec; // It was decoded as one.
    const mounts = [...(made.initContainers ?? []), ...made.containers].flatMap(({ name, volumeMounts = [] }) =>
      volumeMounts.map((mount) => `${name} ${mount.name} ${mount.mountPath}`),
    );
    const texts = [...(made.volumes ?? []).map(({ name }) => name), ...mounts];
    expect(texts.map((text) => text.replace(/kube-api-access-[a-z0-9]{5}/, 'ACCESS'))).toEqual(expected);
  }

  const AT = '/var/run/secrets/kubernetes.io/serviceaccount';

  test('a pod mounts what it needs to reach the API, unless it or its account wants none', async () => {
    const containers = [
      { name: 'a', image: 'a' },
      { name: 'b', image: 'b', volumeMounts: [{ name: 'own', mountPath: AT }] },
    ];
    const own = { name: 'own', emptyDir: {} };
    const initContainers = [{ name: 'i', image: 'i' }];
    await checkTokenVolume({ containers, initContainers, volumes: [own] }, [
      'own',
      'ACCESS',
      `i ACCESS ${AT}`,
      `a ACCESS ${AT}`,
      `b own ${AT}`,
    ]);
    await checkTokenVolume({ containers: containers.slice(1), volumes: [own] }, ['own', `b own ${AT}`]);
    await checkTokenVolume({ automountServiceAccountToken: false }, []);
    await checkTokenVolume({}, [], { automountServiceAccountToken: false });
    await checkTokenVolume({ automountServiceAccountToken: true }, ['ACCESS', `c ACCESS ${AT}`], {
      automountServiceAccountToken: false,
    });
    await checkTokenVolume({ volumes: [{ name: 'kube-api-access-there', emptyDir: {} }] }, ['ACCESS', `c ACCESS ${AT}`]);
    const { create } = await openCluster();
    expect((specOf(await create('pods', pod())) as PodSpec).volumes?.[0]).toMatchObject({
      projected: {
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
        ],
        defaultMode: 420,
      },
    });
  });

  test('a mirror pod has no account', async () => {
    const { create } = await openCluster();
    const mirror = (spec: object) =>
      create('pods', pod({ nodeName: 'n', ...spec }, { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
    expect((await refusalOf(mirror({ serviceAccountName: 'default' }))).message).toMatch(
      /mirror pod may not reference service accounts/,
    );
    const secret = { volumes: [{ name: 'v', secret: { secretName: 's' } }] };
    expect((await refusalOf(mirror(secret))).message).toMatch(/mirror pod may not reference secrets/);
    expect(specOf(await mirror({})).serviceAccountName).toBe(undefined);
  });

  /** What a pod tolerates in the end, as `key effect seconds`. */
  async function checkTolerations(named: readonly object[], expected: readonly string[]): Promise<void> {
    const { create } = await openCluster();
    // Admission leaves a list there.
    const tolerations = specOf(await create('pods', pod({ tolerations: named }))).tolerations as readonly {
      readonly key?: string;
      readonly effect?: string;
      readonly tolerationSeconds?: number;
    }[];
    const texts = tolerations.map(({ key = '*', effect = '*', tolerationSeconds = 'ever' }) =>
      [key.replace('node.kubernetes.io/', ''), effect, tolerationSeconds].join(' '),
    );
    expect(texts).toEqual(expected);
  }

  test('who names a taint with seconds is evicted after them', () =>
    checkTolerations(
      [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
      ['unreachable NoExecute 60', 'not-ready NoExecute ever'],
    ));
  test('who tolerates everything needs no more', () => checkTolerations([{ operator: 'Exists' }], ['* * ever']));
  test('another effect of the same taint is another matter', () =>
    checkTolerations(
      [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoSchedule' }],
      ['not-ready NoSchedule ever', 'not-ready NoExecute ever', 'unreachable NoExecute ever'],
    ));

  test('priorities come from classes, never from the pod', async () => {
    const { create, put, update } = await openCluster();
    const urgent = pod({ priorityClassName: 'urgent' });
    expect((await refusalOf(create('pods', urgent))).message).toBe(
      'pods "p" is forbidden: no PriorityClass with name urgent was found',
    );
    const priorityClass = (name: string, rest: object): KubeObject => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      ...rest,
    });
    await put('priorityclasses.scheduling.k8s.io', priorityClass('urgent', { value: 7, preemptionPolicy: 'Never' }));
    expect(specOf(await create('pods', urgent))).toMatchObject({ priority: 7, preemptionPolicy: 'Never' });
    const system = pod({ priorityClassName: 'system-node-critical' }, { name: 's' });
    expect(specOf(await create('pods', system)).priority).toBe(2_000_001_000);
    expect((await refusalOf(create('pods', pod({ priority: 5 }, { name: 'q' })))).message).toMatch(
      /\(5\) must not be provided in pod spec; priority admission controller computed 0 /,
    );
    expect((await refusalOf(create('pods', pod({ preemptionPolicy: 'Never' }, { name: 'q' })))).message).toMatch(
      /\(Never\) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority /,
    );
    await put('priorityclasses.scheduling.k8s.io', priorityClass('usual', { value: 3, globalDefault: true }));
    expect(specOf(await create('pods', pod({}, { name: 'u' })))).toMatchObject({ priority: 3, priorityClassName: 'usual' });
    const updated = await update('pods', 'p', (old) => {
      const spec = { ...specOf(old), priority: undefined, preemptionPolicy: undefined };
      return { ...old, metadata: { ...old.metadata, labels: { a: 'b' } }, spec };
    });
    expect(specOf(updated)).toMatchObject({ priority: 7, preemptionPolicy: 'Never' });
  });
});

test('plugins leave alone what is not theirs', async () => {
  const [configMap] = builtinResources.filter(({ id }) => id === 'configmaps');
  const [pods] = builtinResources.filter(({ id }) => id === 'pods');
  const store = await openTestStore();
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  if (configMap === undefined || pods === undefined) throw new Error('rows are missing');
  const attempts: readonly Pick<Attempt, 'resource' | 'subresource' | 'verb'>[] = [
    { resource: configMap, subresource: '', verb: 'update' },
    { resource: pods, subresource: 'status', verb: 'update' },
  ];
  for (const attempt of attempts)
    for (const plugin of builtinAdmissions({ authorizer: createAuthorizer(store.view), ids: seededIds(1) })) {
      const whole = { ...attempt, object, namespace: 'nons', name: 'a', user: USER, dryRun: false, warn: () => undefined };
      if (plugin.mutate !== undefined) expect(await plugin.mutate(whole, store.storage)).toBe(object);
      await plugin.validate?.(whole, store.storage);
    }
});
