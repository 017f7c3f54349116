import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPeerWatch, type PeerWatch } from '#agent/peers/peer-watch.ts';
import type { PeerPath } from '#agent/services/service-model.ts';
import type { PeerItem } from '#api/link/items.ts';
import { systemClock } from '#lib/clock.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { createLanRoutes } from '#net/routes/lan-routes.ts';
import { createClearing } from '#net/wire/clear.ts';
import { eventually } from '../support/eventually.ts';
import { createMemoryLedger } from '../support/memory-ledger.ts';
import { connect, startNetns, type Netns } from '../support/netns.ts';

const BACK_MS_MAX = 10_000;

/** Ways to peers, with the kernel's own ARP between two network namespaces. */
let here: Netns;
let there: Netns;
let watch: PeerWatch;
let paths: ReadonlyMap<string, PeerPath> = new Map();
let mac = '';
const ledger = createMemoryLedger();
const { signal } = new AbortController();

beforeAll(async () => {
  [here, there] = await Promise.all([startNetns(), startNetns()]);
  await connect(here, '192.0.2.1', there, '192.0.2.2');
  const shown = JSON.parse(await there.run('ip', '-json', 'link', 'show', 'dev', `to-${here.pid}`)) as [{ address: string }];
  mac = shown[0].address;
  const knock = async (addresses: readonly string[]) => {
    for (const address of addresses) await here.run('busybox', 'ping', '-c', '1', '-W', '1', address).catch(() => '');
  };
  watch = createPeerWatch({
    ledger,
    routes: createLanRoutes(here.command, knock, `/proc/${here.pid}/net/route`),
    ownAddresses: () => 'the same',
    found: (found) => (paths = found),
    clock: systemClock,
    ids: seededIds(1),
    log: silentLog,
  });
  watch.start();
});
afterAll(async () => {
  await watch.stop();
  here.stop();
  there.stop();
});

const peer = (name: string, address: string, podCIDR: string, itsMac = mac): PeerItem => ({
  kind: 'Peer',
  metadata: { name },
  podCIDR,
  addresses: [{ address, mac: itsMac }],
});
const routes = async () =>
  (await here.run('ip', 'route', 'show', 'proto', '84'))
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.split(' dev ')[0]]));
const become = async (items: readonly PeerItem[], expected: readonly string[], told: Readonly<Record<string, PeerPath>>) => {
  ledger.set(items);
  await eventually(
    async () => (await routes()).join() === expected.join() && JSON.stringify(Object.fromEntries(paths)) === JSON.stringify(told),
    `${expected.join()} and ${JSON.stringify(told)}`,
    20_000,
  );
};

test('a route where the reported MAC answers, which follows its node, and goes with it; others’ routes stay', async () => {
  await here.run('ip', 'route', 'add', '10.32.9.0/25', 'via', '192.0.2.2');
  await become([peer('b', '192.0.2.2', '10.32.1.0/25')], ['10.32.1.0/25 via 192.0.2.2'], { b: 'found' });
  // Another site has the same LAN: somebody else answers there.
  await become(
    [peer('b', '192.0.2.2', '10.32.1.0/25'), peer('c', '192.0.2.2', '10.32.2.0/25', '52:54:00:00:00:99')],
    ['10.32.1.0/25 via 192.0.2.2'],
    { b: 'found', c: 'none' },
  );
  await there.run('ip', 'addr', 'add', '192.0.2.7/24', 'dev', `to-${here.pid}`);
  await become([peer('b', '192.0.2.7', '10.32.1.0/25')], ['10.32.1.0/25 via 192.0.2.7'], { b: 'found' });
  // It is away, and so is everybody: the way stays, and nothing is known.
  await there.run('ip', 'link', 'set', `to-${here.pid}`, 'arp', 'off');
  await there.run('ip', 'addr', 'flush', 'dev', `to-${here.pid}`);
  await here.run('ip', 'neigh', 'flush', 'all');
  watch.look();
  await become([peer('b', '192.0.2.7', '10.32.1.0/25')], ['10.32.1.0/25 via 192.0.2.7'], { b: 'unknown' });
  await become([], [], {});
  expect(await here.run('ip', 'route', 'show', '10.32.9.0/25')).toContain('via 192.0.2.2');
});

test('what others flush is back within ten seconds', async () => {
  const expected = ['10.32.1.0/25 via 192.0.2.2'];
  const back = (what: string) => eventually(async () => (await routes()).join() === expected.join(), what, BACK_MS_MAX);
  await there.run('ip', 'addr', 'replace', '192.0.2.2/24', 'dev', `to-${here.pid}`);
  await there.run('ip', 'link', 'set', `to-${here.pid}`, 'arp', 'on');
  await become([peer('b', '192.0.2.2', '10.32.1.0/25')], expected, { b: 'found' });
  await here.run('ip', 'route', 'flush', 'proto', '84');
  await back('the route after a flush');
  // All its routes go with it; addresses stay.
  await here.run('ip', 'link', 'set', `to-${there.pid}`, 'down');
  await here.run('ip', 'link', 'set', `to-${there.pid}`, 'up');
  await back('the route after the link was down');
  await become([], [], {});
});

test('clearing takes ours, and no other', async () => {
  await watch.stop();
  await here.run('ip', 'route', 'replace', '10.32.9.0/25', 'via', '192.0.2.2');
  await here.run('ip', 'route', 'add', '10.32.1.0/25', 'via', '192.0.2.2', 'proto', '84', 'metric', '1084');
  expect(await createClearing(here.command).rules(signal)).toEqual(["1 routes to other nodes' pods"]);
  expect(await routes()).toEqual([]);
  expect(await here.run('ip', 'route', 'show', '10.32.9.0/25')).toContain('via 192.0.2.2');
});
