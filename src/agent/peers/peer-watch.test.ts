import { expect, test } from 'vitest';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import type { LanRoute } from '#net/routes/lan-routes.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../../test/support/memory-ledger.ts';
import { createPeerWatch } from './peer-watch.ts';

test('a route that others take away while a round still ends is made again at the next glance', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const peer = { address: '192.168.1.2', mac: '52:54:00:00:00:02' };
  ledger.set([{ kind: 'Peer', metadata: { name: 'b' }, podCIDR: '10.32.2.0/25', addresses: [peer] }]);
  let routes: readonly LanRoute[] = [];
  let made = 0;
  const watch = createPeerWatch({
    ledger,
    routes: {
      glance: async () => routes,
      look: async () => ({
        addresses: [{ device: 'eth0', address: '192.168.1.1', prefix: 24 }],
        neighbours: [{ ...peer, device: 'eth0', state: 'answers' }],
        routes,
        gateways: [],
      }),
      ask: async () => undefined,
      change: async (_gone, more) => {
        made += 1;
        // At its first turn somebody is as fast as we are.
        routes = made === 1 ? [] : more;
      },
    },
    ownAddresses: () => 'the same',
    found: () => undefined,
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  watch.start();
  for (let turn = 0; turn < 40; turn += 1) await clock.advance(100);
  expect(made).toBe(2);
  expect(routes).toEqual([{ cidr: '10.32.2.0/25', via: '192.168.1.2', device: 'eth0' }]);
  await watch.stop();
});
