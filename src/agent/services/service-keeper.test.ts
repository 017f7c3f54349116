import { expect, test } from 'vitest';
import type { PodStatus } from '#api/generated/types.ts';
import type { Item, PodItem } from '#api/link/items.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import type { ServiceRules } from '#net/services/service-rules.ts';
import type { ServiceTable } from '#net/services/service-table.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../../test/support/memory-ledger.ts';
import { CHANGES_APART_MS, LOOK_MS, createServiceKeeper } from './service-keeper.ts';
import type { Refusal } from './table.ts';

const POD: PodItem = {
  kind: 'Pod',
  metadata: { namespace: 'default', name: 'p', uid: 'p', creationTimestamp: '', labels: { app: 'web' } },
  spec: { containers: [] },
};
const ITEMS: readonly Item[] = [
  { kind: 'Node', metadata: { name: 'here', uid: 'u' }, spec: { podCIDR: '10.32.0.0/25', clusterCIDR: '10.32.0.0/11' } },
  {
    kind: 'Network',
    spec: { clusterCIDR: '10.32.0.0/11', serviceCIDR: '10.96.0.0/16', clusterDomain: 'cluster.local' },
  },
  {
    kind: 'Service',
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      type: 'NodePort',
      clusterIP: '10.96.0.7',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    },
  },
  POD,
];

/** A keeper over a ledger, whose kernel is the list of tables it was given. */
function keeperWorld() {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const tables: ServiceTable[] = [];
  /** What was brought in line, one after the other. */
  const order: string[] = [];
  const heard: ((uid: string) => void)[] = [];
  const world = {
    isReady: true,
    fails: false,
    /** Of the next time. */
    outcome: 'changed' as Awaited<ReturnType<ServiceRules['ensure']>>,
    flushes: 0,
    /** Looks under way, and the most there were at once. */
    looking: 0,
    lookingMax: 0,
    listening: new Set<string>(),
    ours: [] as readonly string[],
    unanswered: [] as readonly Refusal[],
    status: { podIP: '10.32.0.2' } as PodStatus | undefined,
  };
  const keeper = createServiceKeeper({
    node: 'here',
    ledger,
    readiness: {
      isReady: () => world.isReady,
      status: () => world.status,
      onChange: (listener) => {
        heard.push(listener);
        return () => undefined;
      },
    },
    rules: {
      ensure: async (table) => {
        if (world.fails) throw new Error('nft is away');
        tables.push(table);
        order.push('rules');
        const { outcome } = world;
        world.outcome = 'stood';
        return outcome;
      },
    },
    healthChecks: {
      ensure: async () => {
        order.push('checks');
        return world.unanswered;
      },
      listening: () => world.ours,
      stop: () => order.push('stopped'),
    },
    address: '169.254.20.10',
    extras: async () => {
      world.looking += 1;
      world.lookingMax = Math.max(world.lookingMax, world.looking);
      await clock.settle();
      world.looking -= 1;
      return { redirects: [], untracked: [], api: { address: '169.254.20.10', port: 6444 } };
    },
    ownAddresses: () => ['192.168.1.5'],
    listening: async () => world.listening,
    flushed: () => (world.flushes += 1),
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  const set = (items: readonly Item[]) => ledger.set(items);
  const internal = () =>
    tables
      .at(-1)
      ?.ports.map((port) => port.internal.map(({ address }) => address).join())
      .join(';');
  const change = () => heard.forEach((listener) => listener('p'));
  return { clock, ledger, keeper, world, tables, order, set, internal, change };
}

test('a change of a document or of an own pod is in the kernel at once, and what stands is looked at', async () => {
  const { clock, ledger, keeper, world, tables, order, set, internal, change } = keeperWorld();
  const reasons = () => ledger.reports.flatMap((report) => (report.class === 'event' ? [report.body.reason] : []));
  const views: number[] = [];
  keeper.onView((view) => views.push(view.services.length));
  keeper.start();
  await clock.settle();
  expect(tables, 'there is no network yet').toEqual([]);
  set(ITEMS);
  expect(views, 'who makes names of it hears of it at once').toEqual([1]);
  await eventually(() => internal() === '10.32.0.2', 'the endpoints in the kernel');
  await clock.advance(CHANGES_APART_MS);
  world.isReady = false;
  change();
  await eventually(() => internal() === '', 'the endpoints in the kernel');
  world.isReady = true;
  world.fails = true;
  change();
  await keeper.settled(new AbortController().signal);
  expect(keeper.isLed(), 'it was led a moment ago').toBe(true);
  expect(order, 'checks are answered behind the kernel, and not where it fails').toEqual(['rules', 'checks', 'rules', 'checks']);
  await clock.advance(4 * LOOK_MS);
  expect(keeper.isLed()).toBe(false);
  expect(reasons()).toEqual(['ServicesNotLed']);
  world.fails = false;
  await clock.advance(LOOK_MS);
  expect(keeper.isLed()).toBe(true);
  expect(reasons()).toEqual(['ServicesNotLed', 'ServicesLed']);
  await eventually(() => internal() === '10.32.0.2', 'the endpoints in the kernel');
  const before = tables.length;
  await clock.advance(LOOK_MS + 1);
  expect(tables.length).toBe(before + 1);
  await keeper.settled(new AbortController().signal);
  expect(tables.length, 'nothing has changed').toBe(before + 1);
  await keeper.stop();
  expect(order.at(-1)).toBe('stopped');
});

test('changes that follow one another closely are made together', async () => {
  const { clock, keeper, world, tables, set, internal, change } = keeperWorld();
  set(ITEMS);
  keeper.start();
  await eventually(() => internal() === '10.32.0.2', 'the endpoints in the kernel');
  await clock.settle();
  for (let turn = 0; turn < 5; turn += 1) {
    world.isReady = !world.isReady;
    change();
    await clock.settle();
  }
  expect(tables.length).toBe(1);
  await clock.advance(CHANGES_APART_MS);
  await eventually(() => internal() === '', 'the endpoints in the kernel');
  expect(tables.length).toBe(2);
  await keeper.stop();
});

test('a refused port is told once, and again when it comes again', async () => {
  const { clock, ledger, keeper, world, tables, set } = keeperWorld();
  const messages = () => ledger.reports.flatMap((report) => (report.class === 'event' ? [report.body.message] : []));
  world.listening = new Set(['tcp/30080']);
  set(ITEMS);
  keeper.start();
  const told = "On node here its nodePort 30080/TCP stays this machine's: somebody listens there";
  await eventually(() => messages().length === 1, 'the event');
  expect(messages()).toEqual([told]);
  expect(tables.at(-1)?.ports.map(({ nodePort }) => nodePort)).toEqual([undefined]);
  await clock.advance(LOOK_MS + 1);
  world.listening = new Set();
  await clock.advance(LOOK_MS + 1);
  expect(tables.at(-1)?.ports.map(({ nodePort }) => nodePort)).toEqual([30080]);
  world.listening = new Set(['tcp/30080']);
  await clock.advance(LOOK_MS + 1);
  await eventually(() => messages().length === 2, 'the event');
  expect(messages()).toEqual([told, told]);
  // Its own for checks.
  world.ours = ['tcp/30080'];
  await clock.advance(LOOK_MS + 1);
  expect(tables.at(-1)?.ports.map(({ nodePort }) => nodePort)).toEqual([30080]);
  world.ours = [];
  world.unanswered = [{ namespace: 'default', name: 'web', message: 'nobody answers' }];
  await clock.advance(LOOK_MS + 1);
  await eventually(() => messages().includes('On node here nobody answers'), 'the event');
  await keeper.stop();
});

test('rules that were found flushed are told of, those that the first look makes are not', async () => {
  const { clock, keeper, world, set } = keeperWorld();
  world.outcome = 'made anew';
  set(ITEMS);
  keeper.start();
  await keeper.settled(new AbortController().signal);
  expect(world.flushes).toBe(0);
  await clock.advance(LOOK_MS + 1);
  expect(world.flushes).toBe(0);
  world.outcome = 'made anew';
  await clock.advance(LOOK_MS + 1);
  expect(world.flushes).toBe(1);
  await keeper.stop();
});

test('who waits for the first look begins no second one beside it', async () => {
  const { keeper, world, set } = keeperWorld();
  set(ITEMS);
  keeper.start();
  const { signal } = new AbortController();
  await Promise.all([keeper.settled(signal), keeper.settled(signal)]);
  expect(world.lookingMax).toBe(1);
  await keeper.stop();
});
