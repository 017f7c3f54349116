import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EndpointEntry, Item, PodItem, ServiceItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { chooseEndpoints } from './choose-endpoints.ts';
import { ServiceModel, type PeerPath } from './service-model.ts';
import type { ServiceView } from './service-view.ts';

const service = (name: string, app = name): ServiceItem => ({
  kind: 'Service',
  metadata: { namespace: 'default', name },
  spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', selector: { app }, ports: [{ port: 80, targetPort: 8080 }] },
});
const entry = (address: string, more: Partial<EndpointEntry> = {}): EndpointEntry => ({
  address,
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  ...more,
});
const endpoints = (name: string, node: string | undefined, entries: readonly EndpointEntry[]): Item => ({
  kind: 'Endpoints',
  metadata: { namespace: 'default', name },
  ...(node === undefined ? {} : { node }),
  endpoints: entries,
});
const peer = (name: string, silent = false): Item => ({
  kind: 'Peer',
  metadata: { name },
  podCIDR: '10.32.1.0/25',
  addresses: [],
  ...(silent ? { silent } : {}),
});
const pod = (uid: string, app: string, more: object = {}): PodItem => ({
  kind: 'Pod',
  metadata: { namespace: 'default', name: uid, uid, creationTimestamp: '', labels: { app }, ...more },
  spec: { containers: [] },
});
const documentsOf = (items: Readonly<Record<string, Item>>): Documents => ({
  items: new Map(
    Object.entries(items).map(([key, item]) => [key, { key, source: 'server', hash: JSON.stringify(item), item }] as const),
  ),
  removalsAllowed: true,
});

/** `10.32.0.2! (unready)`: on this node; `?`: doubtful. */
function words({ services }: ServiceView): readonly string[] {
  return services.map(({ item, endpoints: all }) =>
    [
      `${item.metadata.name}:`,
      ...all.map(({ address, isLocal, isDoubtful, unready, terminating }) =>
        [
          `${address}${isLocal ? '!' : ''}${isDoubtful ? '?' : ''}`,
          ...(unready === true ? ['(unready)'] : []),
          ...(terminating === true ? ['(going)'] : []),
        ].join(''),
      ),
    ].join(' '),
  );
}

test('endpoints of this node are its own pods’, at once; others’ are as the ways to them are', () => {
  const model = new ServiceModel('here');
  const items: Record<string, Item> = {
    'services/default/web': service('web'),
    'endpoints/default/web/a': endpoints('web', 'a', [
      entry('10.32.1.2'),
      entry('10.32.1.3', { unready: true, notServing: true }),
    ]),
    'endpoints/default/web/b': endpoints('web', 'b', [entry('10.32.2.2', { unready: true, notServing: true })]),
    'endpoints/default/web/c': endpoints('web', 'c', [entry('10.32.3.2')]),
    'endpoints/default/web/~x': endpoints('web', undefined, [entry('203.0.113.9')]),
    'services/default/db': service('db'),
    'endpoints/default/db/~y': endpoints('db', undefined, [
      entry('203.0.113.3', { node: 'here' }),
      entry('203.0.113.4', { node: 'a' }),
      entry('203.0.113.5'),
    ]),
    'peers/a': peer('a'),
    'peers/b': peer('b', true),
  };
  const byHand = 'db: 203.0.113.3! 203.0.113.4 203.0.113.5';
  const check = (expected: string) => expect(words(model.view())).toEqual([byHand, expected]);
  model.setDocuments(documentsOf(items));
  check('web: 10.32.1.2? 10.32.1.3?(unready) 10.32.2.2? 10.32.3.2? 203.0.113.9');
  model.setPaths(
    new Map([
      ['a', 'found'],
      ['b', 'found'],
    ]),
  );
  // Of a silent node nobody knows how its pods are; to one that is no peer there is no way that is known.
  check('web: 10.32.1.2 10.32.1.3(unready) 10.32.2.2? 10.32.3.2? 203.0.113.9');
  model.setPaths(
    new Map([
      ['a', 'none'],
      ['b', 'found'],
    ]),
  );
  check('web: 10.32.2.2? 10.32.3.2? 203.0.113.9');
  const ready = { address: '10.32.0.2', isReady: true, isTerminal: false };
  model.setPod('p', pod('p', 'web'), ready);
  check('web: 10.32.0.2! 10.32.2.2? 10.32.3.2? 203.0.113.9');
  const before = model.view();
  model.setPod('p', pod('p', 'other'), ready);
  model.setPod('p', pod('p', 'web', { deletionTimestamp: 'x' }), ready);
  check('web: 10.32.0.2!(unready)(going) 10.32.2.2? 10.32.3.2? 203.0.113.9');
  expect(model.view()).not.toBe(before);
  expect(model.view()).toBe(model.view());
  model.setPod('p', pod('p', 'web'), { ...ready, isTerminal: true });
  check('web: 10.32.2.2? 10.32.3.2? 203.0.113.9');
  model.setPod('p', pod('p', 'web'), ready);
  model.setDocuments(documentsOf({ ...items, 'services/default/web': service('web', 'else') }));
  check('web: 10.32.2.2? 10.32.3.2? 203.0.113.9');
  model.setDocuments(documentsOf({ 'services/default/web': service('web') }));
  expect(words(model.view())).toEqual(['web: 10.32.0.2!']);
  model.setPod('p', undefined, undefined);
  expect(words(model.view())).toEqual(['web:']);
});

test('a service that only this node still knows is marked so, and is not once it is named again', () => {
  const model = new ServiceModel('here');
  const { items, removalsAllowed } = documentsOf({ 'services/default/web': service('web') });
  const retained = new Map([...items].map(([key, entry]) => [key, { ...entry, retained: true as const }]));
  const marks = () => model.view().services.map((known) => known.retained);
  model.setDocuments({ items, removalsAllowed });
  expect(marks()).toEqual([undefined]);
  model.setDocuments({ items: retained, removalsAllowed });
  expect(marks()).toEqual([true]);
  model.setDocuments({ items, removalsAllowed });
  expect(marks()).toEqual([undefined]);
});

test('never another view than one made at once, and never an endpoint chosen that this node knows to be dead', () => {
  const nodes = ['a', 'b', 'here'] as const;
  const names = fc.constantFrom('web', 'db');
  const change = fc.oneof(
    fc.record({ type: fc.constant('service' as const), name: names, app: fc.constantFrom('web', 'db'), gone: fc.boolean() }),
    fc.record({
      type: fc.constant('endpoints' as const),
      name: names,
      node: fc.constantFrom(...nodes),
      ready: fc.boolean(),
      gone: fc.boolean(),
    }),
    fc.record({ type: fc.constant('peer' as const), node: fc.constantFrom(...nodes), silent: fc.boolean(), gone: fc.boolean() }),
    fc.record({
      type: fc.constant('path' as const),
      node: fc.constantFrom(...nodes),
      path: fc.constantFrom<PeerPath>('found', 'unknown', 'none'),
    }),
    fc.record({
      type: fc.constant('pod' as const),
      uid: fc.constantFrom('p1', 'p2'),
      app: fc.constantFrom('web', 'db'),
      isReady: fc.boolean(),
      isTerminal: fc.boolean(),
      gone: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const model = new ServiceModel('here');
      const items: Record<string, Item> = {};
      const paths = new Map<string, PeerPath>();
      const pods = new Map<string, Parameters<ServiceModel['setPod']>>();
      for (const each of changes) {
        switch (each.type) {
          case 'service': {
            const key = `services/default/${each.name}`;
            if (each.gone) delete items[key];
            else items[key] = service(each.name, each.app);
            break;
          }
          case 'endpoints': {
            const key = `endpoints/default/${each.name}/${each.node}`;
            const state = each.ready ? {} : { unready: true as const, notServing: true as const };
            if (each.gone) delete items[key];
            else items[key] = endpoints(each.name, each.node, [entry(`on-${each.node}`, state)]);
            break;
          }
          case 'peer':
            if (each.gone) delete items[`peers/${each.node}`];
            else items[`peers/${each.node}`] = peer(each.node, each.silent);
            break;
          case 'path':
            paths.set(each.node, each.path);
            break;
          case 'pod': {
            const facts = { address: `pod-${each.uid}`, isReady: each.isReady, isTerminal: each.isTerminal };
            const args = [each.uid, each.gone ? undefined : pod(each.uid, each.app), each.gone ? undefined : facts] as const;
            pods.set(each.uid, [...args]);
            model.setPod(...args);
          }
        }
        model.setDocuments(documentsOf(items));
        model.setPaths(new Map(paths));
        const fresh = new ServiceModel('here');
        for (const args of pods.values()) fresh.setPod(...args);
        fresh.setPaths(paths);
        fresh.setDocuments(documentsOf(items));
        expect(words(model.view())).toEqual(words(fresh.view()));
        for (const { endpoints: all } of model.view().services)
          for (const { address, isLocal } of chooseEndpoints(all, 'Cluster')) {
            const [, , facts] = pods.get(address.slice('pod-'.length)) ?? [];
            if (isLocal) expect(facts?.isReady === true && !facts.isTerminal).toBe(true);
            else expect(paths.get(address.slice('on-'.length))).not.toBe('none');
          }
      }
    }),
    { numRuns: 300 },
  );
});

test('never: a port or an address that is none, whoever wrote the slice', () => {
  const model = new ServiceModel('here');
  const port = (number: number) => ({ name: '', protocol: 'TCP', port: number }) as const;
  const all = [
    entry('10.32.1.2', { ports: [port(70_000), port(0), port(-1), port(8080)] }),
    entry('fd00::1'),
    entry('example.com'),
  ];
  model.setDocuments(
    documentsOf({ 'services/default/web': service('web'), 'endpoints/default/web/~x': endpoints('web', undefined, all) }),
  );
  const [web] = model.view().services;
  expect(web?.endpoints.map(({ address, ports }) => [address, ports])).toEqual([['10.32.1.2', [port(8080)]]]);
});
