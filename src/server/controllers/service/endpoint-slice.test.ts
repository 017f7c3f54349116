import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aNode, aPod, aService, type PodWords } from '../../../../test/support/cluster-objects.ts';
import { sentenceOf, World } from '../../../../test/support/view-of.ts';
import type { EndpointSlice } from '../../../api/kinds/endpoint-slice.ts';
import type { Pod } from '../../../api/kinds/pod.ts';
import type { Service } from '../../../api/kinds/service.ts';
import { endpointSliceController, ENDPOINTS_PER_SLICE_MAX } from './endpoint-slice.ts';
import { SLICES } from './slices.ts';

const READY = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:10:00Z' }];

function aServer(number: number, words: PodWords = {}): Pod {
  return aPod(`web-${number}`, {
    node: 'a',
    ...words,
    metadata: { labels: { app: 'web' }, ...words.metadata },
    status: { podIP: `10.32.${Math.floor(number / 250)}.${(number % 250) + 1}`, conditions: READY, ...words.status },
  });
}

function aWorld(service: Service, pods: readonly Pod[]): World {
  const world = new World();
  world.add('nodes', aNode('a', { labels: { 'topology.kubernetes.io/zone': 'quay' } }));
  world.add('services', service);
  for (const pod of pods) world.add('pods', pod);
  return world;
}

const run = (world: World) => world.run(endpointSliceController, 'default/web', 0).changes.map(sentenceOf);
const slicesIn = (world: World) => world.all(SLICES) as readonly EndpointSlice[];
const addressesIn = (world: World) =>
  slicesIn(world).flatMap(({ endpoints = [] }) => endpoints.flatMap(({ addresses }) => addresses));
const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

test('a slice tells what upstream tells of a pod', () => {
  const world = aWorld(aService({}, { labels: { team: 'x', 'kubernetes.io/service-name': 'lies' } }), [aServer(1)]);
  expect(run(world)).toEqual([`create ${SLICES} web-*`]);
  expect(slicesIn(world)).toMatchObject([
    {
      addressType: 'IPv4',
      metadata: {
        generateName: 'web-',
        labels: {
          team: 'x',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:10:00Z' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'uid-web', controller: true }],
      },
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.32.0.2'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'a',
          zone: 'quay',
          targetRef: { kind: 'Pod', name: 'web-1', namespace: 'default', uid: 'uid-web-1' },
        },
      ],
    },
  ]);
  expect(run(world)).toEqual([]);
});

test('a pod that stops to be ready, ends, or is selected no more changes one slice', () => {
  const world = aWorld(aService(), [aServer(1), aServer(2)]);
  run(world);
  const [slice] = slicesIn(world);
  const name = slice?.metadata.name ?? '';
  world.edit<Pod>('pods', 'web-1', (pod) => ({ ...pod, status: { ...pod.status, conditions: [] } }));
  expect(run(world)).toEqual([`update ${SLICES} ${name}`]);
  expect(slicesIn(world)[0]?.endpoints?.map(({ conditions }) => conditions?.ready)).toEqual([false, true]);
  world.edit<Pod>('pods', 'web-2', (pod) => ({ ...pod, status: { ...pod.status, phase: 'Succeeded' } }));
  expect(run(world)).toEqual([`update ${SLICES} ${name}`]);
  expect(addressesIn(world)).toEqual(['10.32.0.2']);
  // The last one leaves a slice without endpoints, and without ports, as upstream's placeholder.
  world.edit<Service>('services', 'web', (service) => ({ ...service, spec: { ...service.spec, selector: { app: 'other' } } }));
  expect(run(world)).toEqual([`update ${SLICES} ${name}`]);
  expect(slicesIn(world)).toMatchObject([{ endpoints: [], ports: [] }]);
  expect(run(world)).toEqual([]);
});

test('what is somebody else’s is left alone', () => {
  const none = { selector: {} };
  const world = aWorld(aService(none), [aServer(1)]);
  world.add(SLICES, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'by-hand', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  });
  expect(run(world)).toEqual([]);
  world.edit<Service>('services', 'web', () => aService());
  expect(run(world)).toEqual([`create ${SLICES} web-*`]);
  expect(slicesIn(world)[0]).toMatchObject({ metadata: { name: 'by-hand' } });
});

test('slices whose service is gone go, also where nobody is named as their owner', () => {
  const world = aWorld(aService(), [aServer(1)]);
  run(world);
  world.remove('services', 'web');
  world.edit<EndpointSlice>(SLICES, slicesIn(world)[0]?.metadata.name ?? '', (slice) => ({
    ...slice,
    metadata: { ...slice.metadata, ownerReferences: [] },
  }));
  expect(endpointSliceController.keys(world.view())).toEqual(['default/web']);
  run(world);
  expect(slicesIn(world)).toEqual([]);
});

test('a port by name that means two numbers makes two slices; one hundred are in each at most', () => {
  const named = (number: number, containerPort: number) =>
    aServer(number, { spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort }] }] } });
  const world = aWorld(aService({ ports: [{ port: 80, targetPort: 'http' }] }), [named(1, 8080), named(2, 9090), named(3, 8080)]);
  expect(run(world)).toHaveLength(2);
  expect(slicesIn(world).map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints?.length])).toEqual([
    [8080, 2],
    [9090, 1],
  ]);
  const many = aWorld(
    aService(),
    range(250).map((number) => aServer(number)),
  );
  run(many);
  expect(slicesIn(many).map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50]);
  // A new one goes where there is room; one that leaves makes room in its own.
  many.add('pods', aServer(300));
  expect(run(many)).toHaveLength(1);
  many.remove('pods', 'web-0');
  expect(run(many)).toHaveLength(1);
  many.add('pods', aServer(301));
  expect(run(many)).toHaveLength(1);
  expect(slicesIn(many).map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 51]);
});

test('whatever comes and goes, every endpoint is in exactly one slice, and none is written without need', () => {
  const step = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 260 });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), (steps) => {
      const world = aWorld(aService(), []);
      for (const numbers of steps) {
        const wanted = new Set(numbers);
        for (const pod of world.all('pods')) world.remove('pods', pod.metadata.name ?? '');
        for (const number of wanted) world.add('pods', aServer(number));
        const before = new Map(slicesIn(world).map((slice) => [slice.metadata.name, slice]));
        const changes = world.run(endpointSliceController, 'default/web', 0).changes.length;
        const found = addressesIn(world);
        expect(new Set(found).size).toBe(found.length);
        expect(found.length).toBe(wanted.size);
        expect(slicesIn(world).every(({ endpoints = [] }) => endpoints.length <= ENDPOINTS_PER_SLICE_MAX)).toBe(true);
        expect(changes).toBeLessThanOrEqual(before.size + Math.ceil(wanted.size / ENDPOINTS_PER_SLICE_MAX) + 1);
        expect(run(world)).toEqual([]);
      }
    }),
    { numRuns: 30 },
  );
});

test('news bring the services that they concern', () => {
  const world = aWorld(aService(), [aServer(1)]);
  world.add('services', aService({ selector: { app: 'db' } }, { name: 'db' }));
  const keys = (before: Pod | undefined, after: Pod | undefined) =>
    endpointSliceController.keysOf(
      { resource: 'pods', ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) },
      world.view(),
    );
  const moved = aServer(1, { metadata: { labels: { app: 'db' } } });
  expect(keys(undefined, aServer(1))).toEqual(['default/web']);
  expect(keys(aServer(1), moved)).toEqual(['default/db', 'default/web']);
  expect(keys(aServer(1), { ...aServer(1), metadata: { ...aServer(1).metadata, annotations: { a: 'b' } } })).toEqual([]);
});
