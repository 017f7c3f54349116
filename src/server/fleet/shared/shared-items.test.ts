import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_NETWORK } from '#api/cluster-network.ts';
import { ITEM_BYTES_MAX } from '#api/link/messages.ts';
import { digestOf, indexBytes } from '#api/link/statement.ts';
import type { KubeObject } from '#api/object.ts';
import { viewOf as viewOfStanding } from '../../../../test/support/view-of.ts';
import { EndpointItems, SLICES } from './endpoint-items.ts';
import { SharedItems } from './shared-items.ts';

const RESOURCES: Readonly<Record<string, string>> = { Node: 'nodes', Service: 'services', EndpointSlice: SLICES };
const viewOf = (objects: readonly KubeObject[]) =>
  viewOfStanding(objects.map((object) => ({ resource: RESOURCES[object.kind] ?? '', object })));
const node = (name: string, lan: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, ...(lan === '' ? {} : { annotations: { 'skerry.dev/lan': lan } }) },
  spec: { podCIDR: '10.32.0.0/25' },
  ...more,
});
const service = (name: string, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name },
  spec: { clusterIP: '10.96.0.7', ports: [{ port: 80 }], ...spec },
});
const slice = (name: string, of: string, endpoints: readonly object[], more: object = {}): KubeObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    namespace: 'default',
    name,
    labels: { 'kubernetes.io/service-name': of, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
  },
  addressType: 'IPv4',
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  endpoints,
  ...more,
});
const entry = (resource: string, name: string, after: KubeObject | undefined) => ({
  key: { resource, namespace: resource === 'nodes' ? '' : 'default', name },
  ...(after === undefined ? {} : { after }),
});
const LAN_A = (last: number) => `192.168.1.${last}/24=52:54:00:00:00:0${last}`;
const LAN_B = (last: number) => `10.9.0.${last}/16=52:54:00:00:01:0${last}`;
const MAC = '52:00:00:00:00:01';
const keysOf = (items: SharedItems, name: string) => items.all(name).map(({ key }) => key);

test('what a node gets: all services, endpoints and peers of its LANs, never its own', () => {
  const items = new SharedItems(DEFAULT_NETWORK);
  items.reset(
    viewOf([
      node('a1', LAN_A(1)),
      node('a2', LAN_A(2)),
      node('b1', LAN_B(1)),
      node('ab', `${LAN_A(3)},${LAN_B(3)}`),
      node('none', ''),
      service('web'),
      slice('web-1', 'web', [
        { addresses: ['10.32.0.2'], nodeName: 'a1' },
        { addresses: ['10.32.0.130'], nodeName: 'b1', conditions: { ready: false } },
        { addresses: ['203.0.113.9'] },
      ]),
      slice('web-2', 'web', [{ addresses: ['fd00::1'] }], { addressType: 'IPv6' }),
    ]),
  );
  const shared = ['network', 'services/default/web', 'endpoints/default/web/~web-1'];
  const check = (name: string, more: readonly string[]) => expect(keysOf(items, name)).toEqual([...shared, ...more].toSorted());
  check('none', []);
  check('a1', ['peers/a2', 'peers/ab']);
  check('a2', ['endpoints/default/web/a1', 'peers/a1', 'peers/ab']);
  check('b1', ['peers/ab']);
  check('ab', ['endpoints/default/web/a1', 'endpoints/default/web/b1', 'peers/a1', 'peers/a2', 'peers/b1']);
  const sight = (concerned: ReturnType<SharedItems['take']>) => (concerned === 'all' ? concerned : [...concerned].toSorted());
  // One pod's readiness: one item, for those who see it.
  const before = items.current;
  const change = slice('web-1', 'web', [
    { addresses: ['10.32.0.2'], nodeName: 'a1' },
    { addresses: ['10.32.0.130'], nodeName: 'b1' },
    { addresses: ['203.0.113.9'] },
  ]);
  expect(sight(items.take(entry(SLICES, 'web-1', change)))).toEqual(['ab']);
  expect([...(items.changedSince(before, 'ab') ?? [])].map(([key, item]) => [key, item !== undefined])).toEqual([
    ['endpoints/default/web/b1', true],
  ]);
  expect([...(items.changedSince(before, 'a1') ?? [])].filter(([, item]) => item !== undefined)).toEqual([]);
  expect(sight(items.take(entry('services', 'web', service('web', { clusterIP: '10.96.0.8' }))))).toBe('all');
  expect(sight(items.take(entry('services', 'web', service('web', { clusterIP: '10.96.0.8' }))))).toEqual([]);
  // Silence is told by the peer, to its neighbours.
  const silent = node('a1', LAN_A(1), { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } });
  expect(sight(items.take(entry('nodes', 'a1', silent)))).toEqual(['a2', 'ab']);
  // A node that comes into a LAN has no base to compare with, and is seen by its neighbours.
  const base = items.current;
  expect(sight(items.take(entry('nodes', 'none', node('none', LAN_B(9)))))).toEqual(['ab', 'b1', 'none']);
  expect(items.changedSince(base, 'none')).toBeUndefined();
  expect(keysOf(items, 'none')).toContain('endpoints/default/web/b1');
  expect(sight(items.take(entry('nodes', 'b1', undefined)))).toEqual(['ab', 'b1', 'none']);
  expect(items.changedSince(base, 'ab')?.get('endpoints/default/web/b1')).toBeUndefined();
  expect(keysOf(items, 'ab')).not.toContain('endpoints/default/web/b1');
});

test('sites that all name one network: where more do than are in one LAN, its gateway tells which', () => {
  const items = new SharedItems(DEFAULT_NETWORK, 4);
  const of = (last: number, ...gateways: readonly string[]) =>
    LAN_A(last) + (gateways.length === 0 ? '' : `=${gateways.join('+')}`);
  const [pier, quay, next] = ['aa:00:00:00:00:01', 'aa:00:00:00:00:02', 'aa:00:00:00:00:03'];
  const peersOf = (name: string) => keysOf(items, name).flatMap((key) => (key.startsWith('peers/') ? [key.slice(6)] : []));
  const put = (name: string, lan: string) => items.take(entry('nodes', name, node(name, lan)));
  items.reset(viewOf([node('p1', of(1, pier)), node('p2', of(2, pier)), node('q1', of(1, quay)), node('q2', of(2, quay))]));
  // As many as one LAN may have: they may go out by different gateways.
  expect(peersOf('p1')).toEqual(['p2', 'q1', 'q2']);
  expect(put('q3', of(3, quay))).toEqual(new Set(['p1', 'p2', 'q1', 'q2', 'q3']));
  expect([peersOf('p1'), peersOf('q1')]).toEqual([['p2'], ['q2', 'q3']]);
  // Who has not heard its gateway may be of either.
  put('q3', of(3));
  expect([peersOf('p1'), peersOf('q1'), peersOf('q3')]).toEqual([
    ['p2', 'q3'],
    ['q2', 'q3'],
    ['p1', 'p2', 'q1', 'q2'],
  ]);
  put('q3', of(3, quay));
  // The gateway is replaced, and each node finds out in its own time: none loses sight of another.
  for (const [name, last] of [
    ['q2', 2],
    ['q1', 1],
    ['q3', 3],
  ] as const) {
    put(name, of(last, next, quay));
    expect(['q1', 'q2', 'q3'].map((each) => peersOf(each).join())).toEqual(['q2,q3', 'q1,q3', 'q1,q2']);
  }
  expect(items.take(entry('nodes', 'p2', undefined))).toEqual(new Set(['p1', 'p2', 'q1', 'q2', 'q3']));
  expect(peersOf('p1')).toEqual(['q1', 'q2', 'q3']);
});

test('what a hand wrote all nodes get, also the one that it names, which derives its own from pods only', () => {
  const items = new SharedItems(DEFAULT_NETWORK);
  const byHand = slice('db-1', 'db', [{ addresses: ['192.168.1.7'], nodeName: 'a1' }]);
  const metadata = { ...byHand.metadata, labels: { 'kubernetes.io/service-name': 'db' } };
  items.reset(viewOf([node('a1', LAN_A(1)), node('b1', LAN_B(1)), service('db'), { ...byHand, metadata }]));
  for (const name of ['a1', 'b1']) {
    const made = items.all(name).find(({ key }) => key === 'endpoints/default/db/~db-1');
    const item: unknown = JSON.parse(made?.text ?? '');
    expect(item).not.toHaveProperty('node');
    expect(item).toMatchObject({ endpoints: [{ address: '192.168.1.7', node: 'a1' }] });
  }
});

test('a node is never told more than it takes, in an item or in all; what there is room for it is told', () => {
  const items = new SharedItems(DEFAULT_NETWORK);
  items.reset(viewOf([service('web'), slice('web-1', 'web', [{ addresses: ['203.0.113.9'] }])]));
  const ports = Array.from({ length: 100_000 }, (_, at) => ({ port: at + 1 }));
  items.take(entry('services', 'web', service('web', { ports })));
  expect([keysOf(items, 'n').includes('services/default/web'), items.leftOut > 0]).toEqual([false, true]);
  items.take(entry('services', 'web', service('web')));
  expect(keysOf(items, 'n')).toContain('services/default/web');
  const long = (at: number) => `${'s'.repeat(240)}${at}`;
  const many = Array.from({ length: 13_000 }, (_, at) => long(at));
  for (const name of many) items.take(entry('services', name, service(name)));
  const own = new Map([['node', 'a'.repeat(64)]]);
  const told = keysOf(items, 'n');
  expect(items.indexBytes('n', own).length).toBeLessThan(ITEM_BYTES_MAX);
  expect(items.digest('n', own)).toBe(digestOf(new Map([...indexOf(items, 'n'), ...own])));
  expect([told.length > 10_000, told.includes('network'), told.some((key) => key.startsWith('endpoints/'))]).toEqual([
    true,
    true,
    false,
  ]);
  for (const name of many) items.take(entry('services', name, undefined));
  expect(keysOf(items, 'n')).toEqual(['endpoints/default/web/~web-1', 'network', 'services/default/web']);
});

test('no delta leads from the document of a node that was deleted since: it saw others', () => {
  const items = new SharedItems(DEFAULT_NETWORK);
  items.reset(viewOf([node('a1', LAN_A(1)), node('a2', LAN_A(2))]));
  const before = items.current;
  items.take(entry('nodes', 'a1', undefined));
  expect(keysOf(items, 'a1')).toEqual(['network']);
  expect(items.changedSince(before, 'a1')).toBe(undefined);
});

test('items: what their bytes are made of stays what it is', () => {
  const texts = (spec: object, status: object = {}) => {
    const items = new SharedItems(DEFAULT_NETWORK);
    items.reset(viewOf([{ ...service('web', spec), status }]));
    return items.all('n').map(({ text }) => text);
  };
  expect(
    texts(
      { type: 'LoadBalancer', clusterIPs: ['10.96.0.7'], ipFamilies: ['IPv4'], sessionAffinity: 'None' },
      {
        loadBalancer: { ingress: [{ ip: '192.168.1.9' }, { ip: '192.168.1.10' }, { hostname: 'x' }] },
      },
    ),
  ).toEqual([
    '{"kind":"Network","spec":{"clusterCIDR":"10.32.0.0/11","clusterDomain":"cluster.local","serviceCIDR":"10.96.0.0/16"}}',
    '{"addresses":["192.168.1.10","192.168.1.9"],"kind":"Service","metadata":{"name":"web","namespace":"default"},"spec":{"clusterIP":"10.96.0.7","ports":[{"port":80}],"sessionAffinity":"None","type":"LoadBalancer"}}',
  ]);
  const conditions = { ready: false, serving: true, terminating: true };
  const items = new EndpointItems('default/web');
  items.take('b', slice('b', 'web', [{ addresses: ['10.32.0.3', '10.32.0.9'], nodeName: 'n', conditions, hostname: 'h' }]));
  const made = items.take('a', slice('a', 'web', [{ addresses: ['10.32.0.2'], nodeName: 'n' }, { addresses: [] }]));
  const port = { name: '', protocol: 'TCP', port: 8080 };
  expect([...made]).toEqual([
    [
      'endpoints/default/web/n',
      {
        kind: 'Endpoints',
        metadata: { namespace: 'default', name: 'web' },
        node: 'n',
        endpoints: [
          { address: '10.32.0.2', ports: [port] },
          { address: '10.32.0.3', ports: [port], unready: true, terminating: true, hostname: 'h' },
        ],
      },
    ],
  ]);
});

test('a change of a slice costs what is in that slice, however many others the service has', () => {
  const items = new EndpointItems('default/web');
  const on = (...nodes: readonly string[]) => nodes.map((nodeName) => ({ addresses: ['10.32.0.2'], nodeName }));
  const keys = (name: string, nodes: readonly string[] | undefined) =>
    [...items.take(name, nodes && slice(name, 'web', on(...nodes)))].map(
      ([key, item]) => `${key.split('/').at(-1)}: ${item?.endpoints.length ?? 'gone'}`,
    );
  expect(keys('s1', ['a', 'b'])).toEqual(['a: 1', 'b: 1']);
  expect(keys('s2', ['b', 'c'])).toEqual(['b: 1', 'c: 1']);
  expect(keys('s2', ['c', 'd'])).toEqual(['b: 1', 'c: 1', 'd: 1']);
  expect(keys('s2', undefined)).toEqual(['c: gone', 'd: gone']);
  expect([items.isEmpty, ...keys('s1', undefined), items.isEmpty]).toEqual([false, 'a: gone', 'b: gone', true]);
});

test('never another document than one made of the state alone, whatever came in which order', () => {
  const names = ['n1', 'n2', 'n3', 'n4'];
  const nodeChange = fc
    .record({
      name: fc.constantFrom(...names),
      lan: fc.constantFrom(
        '',
        LAN_A(1),
        `${LAN_A(4)}=${MAC}`,
        `${LAN_A(5)}=52:00:00:00:00:02+${MAC}`,
        LAN_B(1),
        `${LAN_A(2)},${LAN_B(2)}=${MAC}`,
      ),
      gone: fc.boolean(),
    })
    .map(({ name, lan, gone }) => entry('nodes', name, gone ? undefined : node(name, lan)));
  const serviceChange = fc
    .record({ name: fc.constantFrom('web', 'db', 'a-b'), ip: fc.integer({ min: 1, max: 3 }), gone: fc.boolean() })
    .map(({ name, ip, gone }) => entry('services', name, gone ? undefined : service(name, { clusterIP: `10.96.0.${ip}` })));
  const sliceChange = fc
    .record({
      name: fc.constantFrom('s1', 's2'),
      of: fc.constantFrom('web', 'db'),
      on: fc.array(fc.constantFrom(...names, undefined), { maxLength: 3 }),
      ready: fc.boolean(),
      gone: fc.boolean(),
    })
    .map(({ name, of, on, ready, gone }) => {
      const endpoints = on.map((nodeName, at) => ({ addresses: [`10.32.0.${at}`], nodeName, conditions: { ready } }));
      return entry(SLICES, name, gone ? undefined : slice(name, of, endpoints));
    });
  fc.assert(
    fc.property(fc.array(fc.oneof(nodeChange, serviceChange, sliceChange), { maxLength: 25 }), fc.nat(), (changes, seed) => {
      const lanNodesMax = 1 + (seed % 4);
      const items = new SharedItems(DEFAULT_NETWORK, lanNodesMax);
      items.reset(viewOf([]));
      const own = new Map([
        ['node', 'a'.repeat(64)],
        ['pods/x', 'b'.repeat(64)],
        ['configmaps/default/ö', 'c'.repeat(64)],
        ['tokens/z', 'd'.repeat(64)],
      ]);
      const state = new Map<string, KubeObject>();
      const held = new Map(names.map((name) => [name, { version: items.current, index: indexOf(items, name) }]));
      for (const [at, change] of changes.entries()) {
        const key = `${change.key.resource}/${change.key.name}`;
        if (change.after === undefined) state.delete(key);
        else state.set(key, change.after);
        const before = new Map(names.map((name) => [name, items.digest(name, own)]));
        const concerned = items.take(change);
        const fresh = new SharedItems(DEFAULT_NETWORK, lanNodesMax);
        fresh.reset(viewOf([...state.values()]));
        for (const name of names) {
          const index = indexOf(fresh, name);
          const whole = new Map([...index, ...own]);
          expect(items.digest(name, own)).toBe(digestOf(whole));
          expect(Buffer.from(items.indexBytes(name, own)).toString()).toBe(Buffer.from(indexBytes(whole)).toString());
          // Nobody is forgotten.
          if (items.digest(name, own) !== before.get(name)) expect(concerned === 'all' || concerned.has(name)).toBe(true);
          // A delta leads from what was held to what there is.
          const base = held.get(name);
          if (base === undefined || (seed + at) % 3 !== 0) continue;
          const delta = items.changedSince(base.version, name);
          if (delta !== undefined) {
            for (const [changed, item] of delta) {
              if (item === undefined) base.index.delete(changed);
              else base.index.set(changed, item.hash);
            }
            expect(digestOf(base.index)).toBe(digestOf(index));
          }
          held.set(name, { version: items.current, index });
        }
      }
    }),
    { numRuns: 150 },
  );
});

const indexOf = (items: SharedItems, name: string) => new Map(items.all(name).map(({ key, hash }) => [key, hash]));
