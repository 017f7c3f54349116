import { expect, test } from 'vitest';
import { podItem } from '../../../test/support/fake-node.ts';
import { documentsOf } from '../../../test/support/memory-ledger.ts';
import type { Container } from '#api/generated/types.ts';
import type { Item } from '#api/link/items.ts';
import { containerSpec, hostnameOf } from './container-spec.ts';
import { environmentOf } from './environment.ts';
import { expand } from './expand.ts';
import { fieldValue, type PodFacts } from './field-ref.ts';
import { mountsOf } from './mounts.ts';
import { resourcesOf } from './resources.ts';
import { securityOf } from './security.ts';

const FACTS: PodFacts = {
  address: '10.32.0.9',
  hostAddress: '192.0.2.1',
  nodeName: 'node-1',
  allocatable: { cpuMilli: 2000, memoryBytes: 4 * 1024 ** 3, storageBytes: 1e10 },
};
const SOURCES: readonly Item[] = [
  { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'map' }, data: { a: '1', b: '2' } },
  {
    kind: 'Secret',
    metadata: { namespace: 'default', name: 'sec' },
    type: 'Opaque',
    data: { pass: Buffer.from('hush').toString('base64') },
  },
];
const IMAGE = { id: 'sha256:1', user: '', sizeBytes: 1 };

function checkEnvironment(container: Partial<Container>, expected: Readonly<Record<string, string>>): void {
  const item = podItem('web', { containers: [container] });
  const environment = environmentOf(item, item.spec.containers[0]!, documentsOf([...SOURCES, item]), FACTS);
  expect(Object.fromEntries(environment)).toEqual(expected);
}

function checkRefused(container: Partial<Container>, message: string): void {
  const item = podItem('web', { containers: [container] });
  const render = () => environmentOf(item, item.spec.containers[0]!, documentsOf([...SOURCES, item]), FACTS);
  expect(render).toThrow(expect.objectContaining({ code: 'CreateContainerConfigError', message }));
}

test('expansion by the rules of upstream', () => {
  const value = (name: string) => ({ A: '1', B: '$(A)' })[name];
  const cases = [
    ['$(A)', '1'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(B)', '$(A)'],
    ['$(C) $(A', '$(C) $(A'],
    ['$A $', '$A $'],
    ['$$', '$'],
    ['$($(A)', '$($(A)'],
    ['$()', '$()'],
    ['$(A)$(C', '1$(C'],
    ['$($$', '$($'],
  ] as const;
  for (const [input, expected] of cases) expect([input, expand(input, value)]).toEqual([input, expected]);
  const many = '$('.repeat(60_000);
  expect(expand(many, value)).toBe(many);
});

test('the environment: envFrom, values of every source, references to what came before', () => {
  checkEnvironment(
    {
      envFrom: [
        { prefix: 'M_', configMapRef: { name: 'map' } },
        { secretRef: { name: 'sec' } },
        { configMapRef: { name: 'none', optional: true } },
      ],
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
        { name: 'BOTH', value: '$(NAME)/$(M_a)/$(LATER)' },
        { name: 'LATER', value: 'x' },
        { name: 'OPT', valueFrom: { secretKeyRef: { name: 'sec', key: 'none', optional: true } } },
      ],
      resources: { requests: { memory: '10Mi' } },
    },
    { M_a: '1', M_b: '2', pass: 'hush', NAME: 'web', CPU: '2', MEM: '10', BOTH: 'web/1/$(LATER)', LATER: 'x' },
  );
});

test('what the environment needs and is not there is named', () => {
  checkRefused({ envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found');
  checkRefused({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'k' } } }] }, 'secret "none" not found');
  checkRefused(
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'map', key: 'k' } } }] },
    "couldn't find key k in ConfigMap default/map",
  );
});

test('fields of the pod', () => {
  const item = podItem('web', { metadata: { labels: { b: '2', a: 'x "y"' } } });
  const cases = [
    ['metadata.uid', 'uid-web'],
    ["metadata.labels['b']", '2'],
    ["metadata.labels['z']", ''],
    ['metadata.labels', 'a="x \\"y\\""\nb="2"'],
    ['status.podIP', '10.32.0.9'],
    ['status.hostIP', '192.0.2.1'],
    ['spec.nodeName', 'node-1'],
  ] as const;
  for (const [path, expected] of cases) expect([path, fieldValue(item, FACTS, path)]).toEqual([path, expected]);
  expect(() => fieldValue(item, FACTS, 'status.phase')).toThrow('unsupported fieldPath: status.phase');
});

test('resources as the kernel takes them', () => {
  const of = (container: Partial<Container>) => {
    const item = podItem('web', { containers: [container] });
    return resourcesOf(item, item.spec.containers[0]!, 4 * 1024 ** 3);
  };
  expect(of({})).toEqual({ cpuShares: 2, cpuQuotaMicros: 0, memoryBytes: 0, oomScoreAdj: 1000 });
  expect(of({ resources: { requests: { cpu: '250m', memory: '1Gi' }, limits: { cpu: '500m' } } })).toEqual({
    cpuShares: 256,
    cpuQuotaMicros: 50_000,
    memoryBytes: 0,
    oomScoreAdj: 750,
  });
  // Guaranteed, however the amounts are written.
  const guaranteed = { limits: { cpu: '0.001', memory: '65536Ki' }, requests: { cpu: '1m', memory: '64Mi' } };
  expect(of({ resources: guaranteed })).toEqual({
    cpuShares: 2,
    cpuQuotaMicros: 1_000,
    memoryBytes: 64 * 1024 ** 2,
    oomScoreAdj: 0,
  });
});

test('users, and who may not be root', () => {
  const of = (pod: object, own: object, user = '') => {
    const item = podItem('web', { containers: [{ securityContext: own }], spec: { securityContext: pod } });
    return securityOf(item, item.spec.containers[0]!, { ...IMAGE, user });
  };
  expect(of({ runAsUser: 5, fsGroup: 7, supplementalGroups: [8] }, { runAsGroup: 6 })).toMatchObject({
    user: '5:6',
    groups: ['8', '7'],
  });
  expect(of({ runAsUser: 5 }, { runAsUser: 0 }).user).toBe('0');
  expect(of({}, { runAsGroup: 6 }, 'app').user).toBe('app:6');
  expect(of({}, {})).toMatchObject({ securityOptions: ['seccomp=unconfined'], privileged: false });
  expect(of({ seccompProfile: { type: 'RuntimeDefault' } }, { allowPrivilegeEscalation: false }).securityOptions).toEqual([
    'no-new-privileges',
  ]);
  const pod = 'pod: "web_default(uid-web)", container: app';
  expect(() => of({ runAsNonRoot: true }, {})).toThrow(`container has runAsNonRoot and image will run as root (${pod})`);
  expect(() => of({ runAsNonRoot: true }, {}, 'app')).toThrow(`image has non-numeric user (app)`);
  expect(() => of({}, { runAsNonRoot: true, runAsUser: 0 })).toThrow(`container's runAsUser breaks non-root policy (${pod})`);
  expect(of({ runAsNonRoot: true }, {}, '1000:0').user).toBeUndefined();
});

test('mounts stay in their volumes', () => {
  const volumes = new Map([['v', { path: '/pods/v', readOnly: false }]]);
  const of = (mount: object) =>
    mountsOf({ name: 'app', volumeMounts: [{ name: 'v', mountPath: '/m', ...mount }] }, volumes, new Map([['A', 'x']]));
  expect(of({})).toEqual([{ source: '/pods/v', target: '/m', readOnly: false }]);
  expect(of({ subPath: 'a/./b', readOnly: true })).toEqual([{ source: '/pods/v/a/b', target: '/m', readOnly: true }]);
  expect(of({ subPathExpr: '$(A)/y', mountPropagation: 'HostToContainer' })).toEqual([
    { source: '/pods/v/x/y', target: '/m', readOnly: false, propagation: 'rslave' },
  ]);
  for (const subPath of ['..', '../w', 'a/../../w', '/etc']) expect(() => of({ subPath })).toThrow('leads out of its volume');
  expect(() => of({ subPathExpr: '$(B)' })).toThrow('missing value for "B"');
  expect(() => of({ name: 'w' })).toThrow('names no volume');
});

test('a command replaces the image’s arguments, arguments alone do not replace its entrypoint', () => {
  const of = (container: Partial<Container>) => {
    const item = podItem('web', { containers: [container] });
    const order = {
      item,
      container: 'app',
      attempt: 1,
      sandboxAttempt: 0,
      sandboxId: 's',
      hash: 'h',
      facts: FACTS,
      image: IMAGE,
    };
    const { entrypoint, command } = containerSpec({ ...order, documents: documentsOf([item]), volumes: new Map(), files: [] });
    return { entrypoint, command };
  };
  expect(of({ command: ['a'] })).toEqual({ entrypoint: ['a'], command: [] });
  expect(of({ command: ['a'], args: ['b'] })).toEqual({ entrypoint: ['a'], command: ['b'] });
  expect(of({ command: [], args: ['b'] })).toEqual({ entrypoint: undefined, command: ['b'] });
  expect(of({ command: [] })).toEqual({ entrypoint: undefined, command: undefined });
});

test('hostnames', () => {
  const DOMAIN = 'cluster.test';
  expect(hostnameOf(podItem('web'), DOMAIN)).toBe('web');
  expect(hostnameOf(podItem('web', { spec: { hostname: 'h', subdomain: 's' } }), DOMAIN)).toBe('h');
  expect(hostnameOf(podItem('web', { spec: { subdomain: 's', setHostnameAsFQDN: true } }), DOMAIN)).toBe(
    'web.s.default.svc.cluster.test',
  );
  expect(hostnameOf(podItem(`${'a'.repeat(62)}-b`), DOMAIN)).toBe('a'.repeat(62));
});

test('what no program could be given is refused before it fills the memory', () => {
  const doubling = Array.from({ length: 40 }, (_, index) => ({
    name: `V${index}`,
    value: index === 0 ? 'xxxxxxxx' : `$(V${index - 1})$(V${index - 1})`,
  }));
  const tooLong = 'is longer than 131071 bytes once its references are expanded: more than a program can be given';
  checkRefused({ env: doubling }, `a text of its command, arguments or environment ${tooLong}`);
  const large = { name: 'A', value: 'x'.repeat(100_000) };
  const many = Array.from({ length: 1_000 }, (_, index) => ({ name: `B${index}`, value: '$(A)' }));
  checkRefused({ env: [large, ...many] }, 'its environment is longer than 2097152 bytes: more than a program can be given');
  const item = podItem('web', { containers: [{ env: [large], args: many.map(({ value }) => value) }] });
  const order = { item, container: 'app', attempt: 0, sandboxAttempt: 0, sandboxId: 's', hash: '', facts: FACTS, image: IMAGE };
  const render = () => containerSpec({ ...order, documents: documentsOf([item]), volumes: new Map(), files: [] });
  expect(render).toThrow('its command and arguments are longer than 2097152 bytes: more than a program can be given');
});
