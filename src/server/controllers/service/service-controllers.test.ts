import { expect, test } from 'vitest';
import { aNode, aPod, aService, type PodWords } from '../../../../test/support/cluster-objects.ts';
import { sentenceOf, World } from '../../../../test/support/view-of.ts';
import { settle } from '../../../../test/support/workload-world.ts';
import { parseCidr } from '../../../api/ip.ts';
import type { EndpointSlice } from '../../../api/kinds/endpoint-slice.ts';
import type { Endpoints } from '../../../api/kinds/endpoints.ts';
import type { Node } from '../../../api/kinds/node.ts';
import type { Pod } from '../../../api/kinds/pod.ts';
import type { Service } from '../../../api/kinds/service.ts';
import type { Controller } from '../controller.ts';
import { endpointSliceController } from './endpoint-slice.ts';
import { ADDRESSES_MAX, endpointsController } from './endpoints.ts';
import { kubernetesService } from './kubernetes-service.ts';
import { PENDING_AFTER_MS, loadBalancerController } from './load-balancer.ts';
import { MIRROR_MANAGER, mirroringController } from './mirroring.ts';
import { SLICES } from './slices.ts';

const READY = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:10:00Z' }];
const KEY = 'default/web';

const aServer = (number: number, words: PodWords = {}): Pod =>
  aPod(`web-${number}`, {
    node: 'a',
    ...words,
    metadata: { labels: { app: 'web' }, ...words.metadata },
    status: { podIP: `10.32.${Math.floor(number / 250)}.${(number % 250) + 1}`, conditions: READY, ...words.status },
  });

function worldOf(service: Service, pods: readonly Pod[] = []): World {
  const world = new World();
  world.add('services', service);
  for (const pod of pods) world.add('pods', pod);
  return world;
}

const run = (world: World, controller: Controller, key = KEY) => world.run(controller, key, 0).changes.map(sentenceOf);
const endpointsIn = (world: World) => world.all('endpoints') as readonly Endpoints[];

test('endpoints: what is ready and what is not, in one subset; nothing of what terminates', () => {
  const going = aServer(3, { metadata: { labels: { app: 'web' }, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  const world = worldOf(aService(), [aServer(2), aServer(1), going, aServer(4, { status: { conditions: [] } })]);
  expect(run(world, endpointsController)).toEqual(['create endpoints web']);
  expect(endpointsIn(world)).toMatchObject([
    {
      metadata: { labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } },
      subsets: [
        {
          addresses: [{ ip: '10.32.0.2', nodeName: 'a', targetRef: { kind: 'Pod', name: 'web-1' } }, { ip: '10.32.0.3' }],
          notReadyAddresses: [{ ip: '10.32.0.5' }],
          ports: [{ port: 80, protocol: 'TCP' }],
        },
      ],
    },
  ]);
  expect(run(world, endpointsController)).toEqual([]);
  world.edit<Service>('services', 'web', () => aService({ publishNotReadyAddresses: true }));
  run(world, endpointsController);
  expect(endpointsIn(world)[0]?.subsets?.[0]?.addresses).toHaveLength(4);
});

test.each(['127.0.0.1', '169.254.3.4', 'fd00::1', 'x'])(
  'a pod that is at %s is no endpoint, and keeps no other from being one',
  (podIP) => {
    const world = worldOf(aService(), [
      aServer(1),
      aServer(2, { status: { podIP, podIPs: [{ ip: podIP }], conditions: READY } }),
    ]);
    run(world, endpointsController);
    run(world, endpointSliceController);
    expect(endpointsIn(world)[0]?.subsets).toMatchObject([{ addresses: [{ ip: '10.32.0.2' }] }]);
    expect((world.all(SLICES) as readonly EndpointSlice[])[0]?.endpoints).toMatchObject([{ addresses: ['10.32.0.2'] }]);
  },
);

test('endpoints: beyond a thousand addresses those that are not ready go first, and it says so', () => {
  const pods = Array.from({ length: ADDRESSES_MAX + 5 }, (_, number) =>
    aServer(number, number < 10 ? { status: { conditions: [] } } : {}),
  );
  const world = worldOf(aService(), pods);
  run(world, endpointsController);
  const [object] = endpointsIn(world);
  expect(object?.metadata.annotations).toMatchObject({ 'endpoints.kubernetes.io/over-capacity': 'truncated' });
  expect([object?.subsets?.[0]?.addresses?.length, object?.subsets?.[0]?.notReadyAddresses?.length]).toEqual([995, 5]);
  expect(run(world, endpointsController)).toEqual([]);
});

test('endpoints go with their service; those that wait for one are left', () => {
  const world = worldOf(aService(), [aServer(1)]);
  run(world, endpointsController);
  world.remove('services', 'web');
  const byHand = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'default' } };
  world.add('endpoints', byHand);
  expect(endpointsController.keys(world.view())).toEqual([KEY]);
  expect(endpointsController.keysOf({ resource: 'endpoints', after: byHand }, world.view())).toEqual([]);
  expect(run(world, endpointsController)).toEqual(['delete endpoints web']);
});

const byHand = (subsets: Endpoints['subsets'], metadata: Endpoints['metadata'] = {}): Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-ep', ...metadata },
  ...(subsets === undefined ? {} : { subsets }),
});
const SUBSETS = [
  { addresses: [{ ip: '192.0.2.1' }, { ip: 'fd00::1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 5432 }] },
];

test('mirroring: a slice per family, owned by the Endpoints, and gone with the reason for it', () => {
  const world = worldOf(aService({ selector: {} }));
  world.add('endpoints', byHand(SUBSETS, { labels: { team: 'x' } }));
  expect(run(world, mirroringController)).toHaveLength(2);
  const slices = world.all(SLICES) as readonly EndpointSlice[];
  expect(
    slices.map(({ addressType, endpoints = [] }) => [addressType, endpoints.map(({ conditions }) => conditions?.ready)]),
  ).toEqual([
    ['IPv4', [true, false]],
    ['IPv6', [true]],
  ]);
  expect(slices[0]?.metadata).toMatchObject({
    labels: { team: 'x', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': MIRROR_MANAGER },
    ownerReferences: [{ kind: 'Endpoints', name: 'web', uid: 'uid-ep' }],
  });
  expect(run(world, mirroringController)).toEqual([]);
  world.edit<Endpoints>('endpoints', 'web', (old) => ({ ...old, subsets: [{ addresses: [{ ip: '192.0.2.9' }] }] }));
  expect(run(world, mirroringController)).toEqual([
    `update ${SLICES} ${slices[0]?.metadata.name}`,
    `delete ${SLICES} ${slices[1]?.metadata.name}`,
  ]);
  world.edit<Service>('services', 'web', () => aService());
  expect(run(world, mirroringController)).toEqual([`delete ${SLICES} ${slices[0]?.metadata.name}`]);
});

test.each([
  ['a service with a selector', aService(), {}],
  ['a label that says so', aService({ selector: {} }), { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
  ['a lock', aService({ selector: {} }), { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
  ['no service', aService({ selector: {} }, { name: 'other' }), {}],
])('mirroring: not for %s', (_what, service, metadata) => {
  const world = worldOf(service);
  world.add('endpoints', byHand(SUBSETS, metadata));
  expect(run(world, mirroringController)).toEqual([]);
});

const at = (name: string, address: string, ready: 'True' | 'Unknown' = 'True', labels = {}): Node => {
  const node = aNode(name, { labels });
  const conditions = [{ type: 'Ready', status: ready }];
  return { ...node, status: { ...node.status, addresses: [{ type: 'InternalIP', address }], conditions } };
};

/** The addresses that the service gets, of these nodes, with ready pods on `a` and `b`. */
function checkAddresses(service: Service, nodes: readonly Node[], expected: readonly string[]): void {
  const pods = [aServer(1, { node: 'a' }), aServer(2, { node: 'b' })].map((pod) => {
    const silent = nodes.some(
      (node) => node.metadata.name === pod.spec?.nodeName && node.status?.conditions?.[0]?.status === 'Unknown',
    );
    return silent ? { ...pod, status: { ...pod.status, conditions: [] } } : pod;
  });
  const world = worldOf(service, pods);
  for (const node of nodes) world.add('nodes', node);
  settle(world, [endpointSliceController, loadBalancerController], () => 0);
  const [found] = world.all('services') as readonly Service[];
  expect((found?.status?.loadBalancer?.ingress ?? []).map(({ ip, ipMode }) => `${ip} ${ipMode}`)).toEqual(
    expected.map((ip) => `${ip} VIP`),
  );
}

test('load balancer: nodes with ready endpoints, or those that are labelled for it', () => {
  const LABEL = { 'skerry.dev/load-balancer': '' };
  const balanced = (spec = {}) => aService({ type: 'LoadBalancer', ...spec });
  const [a, b, c] = [at('a', '192.0.2.1'), at('b', '192.0.2.2'), at('c', '192.0.2.3')];
  checkAddresses(balanced(), [a, b, c], ['192.0.2.1', '192.0.2.2']);
  checkAddresses(balanced(), [a, b, at('c', '192.0.2.3', 'True', LABEL)], ['192.0.2.3']);
  checkAddresses(
    balanced(),
    [a, b, at('c', '192.0.2.3', 'True', { 'skerry.dev/load-balancer': 'false' })],
    ['192.0.2.1', '192.0.2.2'],
  );
  // The client's address is kept only where an endpoint is.
  const labelled = [at('b', '192.0.2.2', 'True', LABEL), at('c', '192.0.2.3', 'True', LABEL)];
  checkAddresses(balanced({ externalTrafficPolicy: 'Local' }), [a, ...labelled], ['192.0.2.2']);
  // A silent node only where there is no other: its LAN may work.
  checkAddresses(balanced(), [a, at('b', '192.0.2.2', 'Unknown')], ['192.0.2.1']);
  checkAddresses(balanced(), [at('a', '192.0.2.1', 'Unknown'), at('b', '192.0.2.2', 'Unknown')], ['192.0.2.1', '192.0.2.2']);
  checkAddresses(balanced(), [a, at('c', '192.0.2.3', 'Unknown', LABEL)], ['192.0.2.3']);
  checkAddresses(
    balanced(),
    [a, at('b', '192.0.2.2', 'True', { 'node.kubernetes.io/exclude-from-external-load-balancers': '' })],
    ['192.0.2.1'],
  );
  checkAddresses(balanced({ loadBalancerClass: 'skerry.dev/nodes' }), [a], ['192.0.2.1']);
  checkAddresses(balanced({ loadBalancerClass: 'example.com/other' }), [a], []);
  checkAddresses(balanced({ selector: { app: 'none' } }), [a], []);
  checkAddresses(aService(), [a], []);
});

test('load balancer: what is lacking while it has no address', () => {
  const balanced = aService({ type: 'LoadBalancer' });
  const told = (nodes: readonly Node[], pods: readonly Pod[], service = balanced) => {
    const world = worldOf(service, pods);
    for (const node of nodes) world.add('nodes', node);
    settle(world, [endpointSliceController, loadBalancerController], () => 0);
    return [...new Set(world.notes)];
  };
  const none = 'No node has an endpoint of it that is ready';
  expect(told([at('a', '192.0.2.1')], [])).toEqual([none]);
  expect(told([at('a', '192.0.2.1')], [aServer(1, { status: { conditions: [] } })])).toEqual([none]);
  expect(told([at('a', '169.254.7.1')], [aServer(1)])).toContain('No IPv4 address by which others can reach its nodes: a');
  const local = aService({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
  expect(
    told([at('a', '192.0.2.1'), at('c', '192.0.2.3', 'True', { 'skerry.dev/load-balancer': '' })], [aServer(1)], local),
  ).toContain('No node with label skerry.dev/load-balancer has an endpoint of it that is ready');
  const excluded = at('a', '192.0.2.1', 'True', { 'node.kubernetes.io/exclude-from-external-load-balancers': '' });
  expect(told([excluded], [aServer(1)])).toContain(
    `${none}, but for those with label node.kubernetes.io/exclude-from-external-load-balancers: a`,
  );
  expect(told([at('a', '192.0.2.1')], [], aService({ type: 'LoadBalancer', loadBalancerClass: 'example.com/other' }))).toEqual(
    [],
  );
});

test('load balancer: of a service that has just been made nothing is said yet', () => {
  const made = Date.parse('2026-01-01T00:00:00Z');
  const world = worldOf(aService({ type: 'LoadBalancer' }, { creationTimestamp: '2026-01-01T00:00:00Z' }));
  const early = world.run(loadBalancerController, KEY, made + 1_000);
  expect([early.changes, early.events, early.afterMs]).toEqual([[], [], PENDING_AFTER_MS - 1_000]);
  expect(world.run(loadBalancerController, KEY, made + PENDING_AFTER_MS).events).toHaveLength(1);
  // Of the future: the clock was set.
  const other = worldOf(aService({ type: 'LoadBalancer' }, { creationTimestamp: '2027-01-01T00:00:00Z' }));
  expect(other.run(loadBalancerController, KEY, made).events).toHaveLength(1);
});

test('load balancer: a port of an address is the elder service’s, and the younger one says so until it is free', () => {
  const born = (name: string, creationTimestamp: string, port = 80) =>
    aService({ type: 'LoadBalancer', ports: [{ port, protocol: 'TCP' }] }, { name, uid: `uid-${name}`, creationTimestamp });
  const world = new World();
  for (const service of [
    born('young', '2026-01-02T00:00:00Z'),
    born('old', '2026-01-01T00:00:00Z'),
    born('other', '2026-01-02T00:00:00Z', 81),
  ])
    world.add('services', service);
  world.add('pods', aServer(1));
  world.add('nodes', at('a', '192.0.2.1'));
  const told = () =>
    Object.fromEntries(
      (world.all('services') as readonly Service[]).map(({ metadata, status }) => [
        metadata.name,
        [status?.loadBalancer?.ingress?.[0]?.ip, status?.conditions?.[0]?.status, status?.conditions?.[0]?.reason],
      ]),
    );
  const both = [endpointSliceController, loadBalancerController];
  settle(world, both, () => 0);
  const free = ['192.0.2.1', undefined, undefined];
  expect(told()).toEqual({ young: [undefined, 'True', 'PortTaken'], old: free, other: free });
  expect(world.notes).toEqual(['A port of it leads to another service already, at 192.0.2.1: default/old']);
  const [old] = (world.all('services') as readonly Service[]).filter(({ metadata }) => metadata.name === 'old');
  world.remove('services', 'old');
  expect(loadBalancerController.keysOf({ resource: 'services', before: old! }, world.view())).toContain('default/young');
  settle(world, both, () => 0);
  expect(told()).toEqual({ young: ['192.0.2.1', 'False', 'PortsFree'], other: free });
});

test('load balancer: another class’s addresses are left, those of what is none any more are taken away', () => {
  const told = { status: { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } } };
  const other = worldOf({ ...aService({ type: 'LoadBalancer', loadBalancerClass: 'example.com/other' }), ...told });
  expect(run(other, loadBalancerController)).toEqual([]);
  const plain = worldOf({ ...aService(), ...told });
  expect(run(plain, loadBalancerController)).toEqual(['patch services/status web {"status":{"loadBalancer":{"ingress":null}}}']);
  const waiting = {
    conditions: [{ type: 'skerry.dev/LoadBalancerPending', status: 'True', reason: 'x', message: 'x', lastTransitionTime: '' }],
  };
  const changed = worldOf({ ...aService(), status: waiting });
  settle(changed, [loadBalancerController], () => 0);
  expect((changed.all('services') as readonly Service[])[0]?.status?.conditions).toMatchObject([
    { status: 'False', reason: 'NotPending' },
  ]);
});

test('default/kubernetes: made, mended, and made again', () => {
  const world = new World();
  let place: { readonly address: string | undefined; readonly port: number } | undefined;
  const controller = kubernetesService(parseCidr('10.96.0.0/16')!, () => place);
  world.add('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const key = 'default/kubernetes';
  expect(run(world, controller, key)).toEqual([]);
  place = { address: '192.0.2.9', port: 6443 };
  const made = ['create services kubernetes', 'create endpoints kubernetes', `create ${SLICES} kubernetes`];
  expect(run(world, controller, key)).toEqual(made);
  expect(world.all('services')).toMatchObject([
    {
      metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
    },
  ]);
  expect(world.all(SLICES)).toMatchObject([{ endpoints: [{ addresses: ['192.0.2.9'] }], ports: [{ port: 6443 }] }]);
  expect(run(world, controller, key)).toEqual([]);
  expect(run(world, mirroringController, key)).toEqual([]);
  place = { address: undefined, port: 7443 };
  expect(run(world, controller, key)).toHaveLength(3);
  world.remove('services', 'kubernetes');
  world.remove(SLICES, 'kubernetes');
  expect(run(world, controller, key)).toEqual([made[0], made[2]]);
  world.edit<Service>('services', 'kubernetes', ({ spec, ...rest }) => ({ ...rest, spec: { ...spec, clusterIP: '10.96.7.7' } }));
  expect(run(world, controller, key)).toEqual(['delete services kubernetes']);
  expect(run(world, controller, key)).toEqual([made[0]]);
});
