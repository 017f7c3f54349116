import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { builtinResources } from '#api/kinds/builtin.ts';
import type { KubeObject } from '#api/object.ts';
import { statusOf } from '#api/status.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { systemClock } from '#lib/clock.ts';
import { createRegistry } from '#api/registry.ts';
import type { Attempt } from '#rest/admission.ts';
import type { ApiOptions, Call } from '#rest/options.ts';
import { createObject } from '#rest/write/create.ts';
import { deleteObject } from '#rest/write/delete.ts';
import { updateObject } from '#rest/write/update.ts';
import { openTestStore } from '../../../test/support/store.ts';
import { builtinAdmissions } from './builtin.ts';
import { clusterIpAllocator } from './cluster-ip.ts';

/** The plugins in the real pipeline on a real store; `namespaces` are there, `objects` created first. */
async function openCluster({ seed = 1, serviceCidr, namespaces = ['default', 'shop'] }: ClusterOptions = {}) {
  const store = await openTestStore();
  const ids = seededIds(seed);
  const admissions = builtinAdmissions({ ids, ...(serviceCidr === undefined ? {} : { serviceCidr }) });
  const registry = createRegistry(builtinResources);
  const api: ApiOptions = {
    registry: () => registry,
    schema: { definitions: {} } as unknown as ApiOptions['schema'], // Nothing is decoded here.
    storage: store.storage,
    admissions,
    authorize: async () => ({ allowed: true, reason: '' }),
    connectors: {},
    paths: {},
    clock: systemClock,
    ids,
    log: silentLog,
    release: '0.0.0',
    readiness: () => ({}),
  };
  const callOf = (resourceId: string, namespace: string, dryRun = false): Call => {
    const resource = registry.byId(resourceId);
    const version = resource?.versions[0];
    if (resource === undefined || version === undefined) throw new Error(`no resource ${resourceId}`);
    return { api, resource, version, subresource: '', namespace, user: USER, dryRun, warn: () => undefined };
  };
  const create = (resource: string, object: Body, namespace = 'default', dryRun = false) =>
    createObject(callOf(resource, namespace, dryRun), bodyOf(object));
  const update = async (resource: string, name: string, change: (old: KubeObject) => KubeObject, namespace = 'default') =>
    (await updateObject(callOf(resource, namespace), name, { apply: change })).object;
  const remove = (resource: string, name: string, namespace = 'default') => deleteObject(callOf(resource, namespace), name, {});
  const put = (resource: string, object: KubeObject) =>
    store.storage.commit([
      {
        key: { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' },
        object,
      },
    ]);
  for (const name of namespaces) await create('namespaces', { kind: 'Namespace', metadata: { name } }, '');
  return { store, create, update, remove, put, claims: () => claimsOf(store.view().list('claims')) };
}

type ClusterOptions = { readonly seed?: number; readonly serviceCidr?: string; readonly namespaces?: readonly string[] };
type Body = { readonly kind: string; readonly metadata: KubeObject['metadata']; readonly [field: string]: unknown };

const USER = { name: 'jane', groups: ['system:masters'] };

const bodyOf = (object: Body): KubeObject => ({ apiVersion: 'v1', ...object });
const claimsOf = (claims: readonly KubeObject[]) => claims.map(({ metadata }) => metadata.name ?? '');

const pod = (spec: object = {}, metadata: object = {}): Body => ({
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...spec },
});

const service = (spec: object = {}, name = 'web'): Body => ({
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: 'web' }, ...spec },
});

/** The Status that a write is refused with. */
async function refusalOf(write: Promise<unknown>) {
  const error: unknown = await write.then(
    () => 'it went through',
    (reason: unknown) => reason,
  );
  const { code, reason, message, details } = statusOf(error);
  return { code, reason, message, details };
}

const specOf = (object: KubeObject) => object['spec'] as Readonly<Record<string, unknown>>; // Of pods and services, which have one.

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

describe('cluster IPs', () => {
  test('a service gets one of the range, and its claim; it is given back with the service', async () => {
    const { create, remove, claims } = await openCluster();
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = specOf(await create('services', service()));
    expect(String(clusterIP)).toMatch(/^10\.96\.\d+\.\d+$/);
    expect({ clusterIPs, ipFamilies, ipFamilyPolicy }).toEqual({
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    expect(claims()).toEqual([`cluster-ip/${String(clusterIP)}`]);
    await remove('services', 'web');
    expect(claims()).toEqual([]);
  });

  test('headless and external ones get none', async () => {
    const { create, claims } = await openCluster();
    const headless = specOf(await create('services', service({ clusterIP: 'None' }, 'headless')));
    expect(headless).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] });
    const external = { type: 'ExternalName', externalName: 'x.y', ports: undefined, selector: undefined };
    expect(specOf(await create('services', service(external, 'external'))).clusterIP).toBe(undefined);
    expect(claims()).toEqual([]);
  });

  /** One service with this spec, after one that has 10.96.0.10. */
  async function checkRefused(spec: object, code: number, message: string): Promise<void> {
    const { create } = await openCluster();
    await create('services', service({ clusterIP: '10.96.0.10' }, 'first'));
    expect(await refusalOf(create('services', service(spec)))).toMatchObject({ code, message });
  }

  test('an address of one’s own choice', async () => {
    const { create, claims } = await openCluster();
    expect(specOf(await create('services', service({ clusterIP: '10.96.0.10' })))).toMatchObject({ clusterIPs: ['10.96.0.10'] });
    expect(claims()).toEqual(['cluster-ip/10.96.0.10']);
  });
  test('taken', () =>
    checkRefused(
      { clusterIP: '10.96.0.10' },
      422,
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    ));
  test.each(['10.97.0.1', '192.168.0.1', '10.96.0.0', '10.96.255.255', '10.95.255.255'])('%s is not in the range', (ip) =>
    checkRefused(
      { clusterIP: ip },
      422,
      `Service "web" is invalid: spec.clusterIPs: Invalid value: ["${ip}"]: failed to allocate IP ${ip}: provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/16`,
    ),
  );
  test('not an address', () =>
    checkRefused(
      { clusterIP: 'abc' },
      422,
      'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: "abc": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ));
  test('of the other family', () =>
    checkRefused(
      { clusterIP: 'fd00::1' },
      422,
      'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    ));
  test('two families', () =>
    checkRefused(
      { ipFamilyPolicy: 'RequireDualStack' },
      422,
      'Service "web" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ));
  test('a family by name', () =>
    checkRefused(
      { ipFamilies: ['IPv6'] },
      422,
      'Service "web" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ));

  test('an update keeps it, a change of type gives it back and takes another', async () => {
    const { create, update, claims } = await openCluster();
    const first = specOf(await create('services', service()));
    const kept = await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), ports: [{ port: 81 }] } }));
    expect(specOf(kept).clusterIP).toBe(first.clusterIP);
    await update('services', 'web', (old) => ({
      ...old,
      spec: { ...specOf(old), type: 'ExternalName', externalName: 'x.y' },
    }));
    expect(claims()).toEqual([]);
    const back = await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), type: 'ClusterIP' } }));
    expect(claims()).toEqual([`cluster-ip/${String(specOf(back).clusterIP)}`]);
  });

  test('a dry run gives one and keeps nothing', async () => {
    const { create, claims } = await openCluster();
    expect(specOf(await create('services', service(), 'default', true)).clusterIP).toBeTruthy();
    expect(claims()).toEqual([]);
  });

  test('every address of a small range is given once, those for static choice last; then it is full', async () => {
    const { create, remove } = await openCluster({ serviceCidr: '10.0.0.64/26' });
    const given: string[] = [];
    for (let at = 0; at < 62; at += 1) given.push(String(specOf(await create('services', service({}, `s${at}`))).clusterIP));
    expect(new Set(given).size).toBe(62);
    expect(given.every((ip) => /^10\.0\.0\.(6[5-9]|[7-9]\d|1[01]\d|12[0-6])$/.test(ip))).toBe(true);
    expect(given.slice(-16)).toEqual(Array.from({ length: 16 }, (_, at) => `10.0.0.${65 + at}`));
    expect(await refusalOf(create('services', service({}, 'late')))).toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    });
    await remove('services', 's30');
    expect(specOf(await create('services', service({}, 'late'))).clusterIP).toBe(given[30]);
  });

  test('many at once never share one, though all choose from the same few', () =>
    fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { create, claims } = await openCluster({ seed, serviceCidr: '10.0.0.0/28' });
        const made = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => create('services', service({}, `s${at}`))));
        const ips = made.flatMap((end) => (end.status === 'fulfilled' ? [String(specOf(end.value).clusterIP)] : []));
        expect(new Set(ips).size).toBe(ips.length);
        expect(claims().toSorted()).toEqual(ips.map((ip) => `cluster-ip/${ip}`).toSorted());
        expect(ips.length).toBeGreaterThan(4);
      }),
      { numRuns: 20 },
    ));

  test.each(['abc', 'fd00::/112', '10.0.0.0/8', '10.0.0.0/31'])('%s can not be a service network', (cidr) => {
    expect(() => clusterIpAllocator(cidr, () => 0)).toThrow(`service network "${cidr}": must be an IPv4 network of /12 to /30`);
  });
});

describe('node ports', () => {
  const portsOf = (object: KubeObject) =>
    (specOf(object).ports as readonly { readonly nodePort?: number }[]).map((port) => port.nodePort); // Services have them.

  test('each port gets one above those for static choice; the same port of two protocols has one', async () => {
    const { create, claims } = await openCluster();
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      { name: 'web', port: 80 },
    ];
    const [udp = 0, tcp, web = 0] = portsOf(await create('services', service({ type: 'NodePort', ports })));
    expect([udp === tcp, udp === web]).toEqual([true, false]);
    for (const port of [udp, web]) expect(port >= 30_086 && port <= 32_767).toBe(true);
    expect(claims().filter((claim) => claim.startsWith('node-port')).length).toBe(3);
  });

  test('a ClusterIP service gets none', async () => {
    const { create } = await openCluster();
    expect(portsOf(await create('services', service()))).toEqual([undefined]);
  });

  test('a load balancer without node ports gets none, but the one for health checks where it needs it', async () => {
    const { create, claims } = await openCluster();
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, externalTrafficPolicy: 'Local' };
    const made = await create('services', service(spec));
    const check = Number(specOf(made).healthCheckNodePort);
    expect([portsOf(made), check >= 30_000]).toEqual([[undefined], true]);
    expect(claims()).toContain(`node-port/${check}/TCP`);
    const taken = service({ ...spec, healthCheckNodePort: check }, 'other');
    expect(await refusalOf(create('services', taken))).toMatchObject({
      code: 500,
      message: `Internal error occurred: failed to allocate requested HealthCheck NodePort ${check}: provided port is already allocated`,
    });
  });

  /** One service with these ports, after one that has 30080/TCP. */
  async function checkPorts(ports: readonly object[], expected: string): Promise<void> {
    const { create } = await openCluster();
    await create('services', service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }, 'first'));
    const outcome = await create('services', service({ type: 'NodePort', ports })).then(
      (object) => portsOf(object).join(' '),
      (error: unknown) => statusOf(error).message ?? '',
    );
    expect(outcome).toBe(expected);
  }

  test('one of one’s own choice', () => checkPorts([{ port: 80, nodePort: 30_081 }], '30081'));
  test('taken, also by another protocol', async () => {
    for (const protocol of ['TCP', 'UDP'])
      await checkPorts(
        [{ port: 80, protocol, nodePort: 30_080 }],
        'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
      );
  });
  test('not in the range', () =>
    checkPorts(
      [{ port: 80, nodePort: 29_999 }],
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 29999: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ));

  test('an update keeps them; becoming a ClusterIP service gives them back', async () => {
    const { create, update, claims } = await openCluster();
    const made = await create('services', service({ type: 'NodePort' }));
    const more = await update('services', 'web', (old) => ({
      ...old,
      spec: {
        ...specOf(old),
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      },
    }));
    expect(portsOf(more)[0]).toBe(portsOf(made)[0]);
    expect(portsOf(more)[1]).toBeGreaterThan(30_000);
    await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), type: 'ClusterIP' } }));
    expect(claims().filter((claim) => claim.startsWith('node-port'))).toEqual([]);
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
    for (const plugin of builtinAdmissions({ ids: seededIds(1) })) {
      const whole = { ...attempt, object, namespace: 'nons', name: 'a', user: USER, dryRun: false, warn: () => undefined };
      expect(await plugin.mutate?.(whole, store.storage)).toBe(object);
      await plugin.validate?.(whole, store.storage);
    }
});
