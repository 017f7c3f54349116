import { expect, test } from 'vitest';
import type { PeerItem } from '#api/link/items.ts';
import { parseLook, type LanLook, type Neighbour } from '#net/routes/parse-look.ts';
import { isSettled, planPaths, whomToAsk } from './plan-paths.ts';

const MAC = '52:54:00:00:00:02';
const peer = (name: string, address: string, last: number): PeerItem => ({
  kind: 'Peer',
  metadata: { name },
  podCIDR: `10.32.${last}.0/25`,
  addresses: [{ address, mac: `52:54:00:00:00:0${last}` }],
});
const B = peer('b', '192.168.1.2', 2);
const C = peer('c', '192.168.1.3', 3);
const GATEWAY = { address: '192.168.1.254', device: 'eth0' };
const ROUTE_B = { cidr: '10.32.2.0/25', via: '192.168.1.2', device: 'eth0' };

function lookOf(neighbours: readonly string[], more: Partial<LanLook> = {}): LanLook {
  return {
    addresses: [{ device: 'eth0', address: '192.168.1.1', prefix: 24 }],
    neighbours: neighbours.map((text) => {
      const [address = '', state = '', mac = ''] = text.split(' ');
      // Written below in the words of the type.
      return { address, device: 'eth0', mac, state: state as Neighbour['state'] };
    }),
    routes: [],
    gateways: [GATEWAY],
    ...more,
  };
}

/** `b found`, `+ route`, `- route`. */
function check(peers: readonly PeerItem[], look: LanLook, expected: readonly string[]): void {
  const { paths, gone, made } = planPaths(peers, whomToAsk(peers, look), look);
  const text = ({ cidr, via, device }: LanLook['routes'][number]) => `${cidr} via ${via} ${device}`;
  expect([
    ...[...paths].map(([name, path]) => `${name} ${path}`),
    ...gone.map((route) => `- ${text(route)}`),
    ...made.map((route) => `+ ${text(route)}`),
  ]).toEqual(expected);
}

const MADE = '10.32.2.0/25 via 192.168.1.2 eth0';

test('a way is only where the right machine answers', () => {
  const withRoute = { routes: [ROUTE_B] };
  check([B], lookOf([`192.168.1.2 answers ${MAC}`]), ['b found', `+ ${MADE}`]);
  check([B], lookOf([`192.168.1.2 answers ${MAC}`], withRoute), ['b found']);
  // Another site's 192.168.1.0/24: somebody else is there.
  check([B], lookOf(['192.168.1.2 answers 00:11:22:33:44:55']), ['b none']);
  check([B], lookOf(['192.168.1.2 answers 00:11:22:33:44:55'], withRoute), ['b none', `- ${MADE}`]);
  check([B], lookOf([`192.168.1.2 known ${MAC}`]), ['b unknown']);
  // It is silent: that says something only while others are not, and its pods' packets are sent nowhere else.
  check([B], lookOf(['192.168.1.2 silent']), ['b unknown']);
  check([B], lookOf(['192.168.1.2 silent', '192.168.1.254 answers 00:00:00:00:00:fe'], withRoute), ['b none']);
  check([B, C], lookOf(['192.168.1.2 silent', '192.168.1.3 answers 52:54:00:00:00:03']), [
    'b none',
    'c found',
    '+ 10.32.3.0/25 via 192.168.1.3 eth0',
  ]);
});

test('ways follow, stay and go', () => {
  const moved = peer('b', '192.168.1.9', 2);
  check([moved], lookOf([`192.168.1.9 answers ${MAC}`], { routes: [ROUTE_B] }), [
    'b found',
    `- ${MADE}`,
    '+ 10.32.2.0/25 via 192.168.1.9 eth0',
  ]);
  check([], lookOf([], { routes: [ROUTE_B] }), [`- ${MADE}`]);
  // The cable is out: nothing is said, and nothing taken away.
  check([B], lookOf([], { addresses: [], gateways: [], routes: [ROUTE_B] }), ['b unknown']);
  // It has left this LAN.
  check([peer('b', '10.9.9.9', 2)], lookOf(['192.168.1.254 answers 00:00:00:00:00:fe'], { routes: [ROUTE_B] }), [
    'b none',
    `- ${MADE}`,
  ]);
});

test('whom to ask, and when it has come to rest', () => {
  const look = lookOf([`192.168.1.2 known ${MAC}`, '192.168.1.3 silent', '192.168.1.254 answers 00:00:00:00:00:fe']);
  const asked = whomToAsk([B, C], look);
  expect(asked.map(({ address, isKnown }) => `${address} ${isKnown ? 'alone' : 'among all'}`)).toEqual([
    '192.168.1.2 alone',
    '192.168.1.3 among all',
    '192.168.1.254 alone',
  ]);
  expect(isSettled(asked, look)).toBe(false);
  expect(isSettled(asked.slice(1), look)).toBe(true);
});

test('what ip says', () => {
  const addresses = JSON.stringify([
    { ifname: 'lo', addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
    {
      ifname: 'eth0',
      addr_info: [
        { local: '192.168.1.1', prefixlen: 24 },
        { local: '10.32.0.5', prefixlen: 32 },
      ],
    },
  ]);
  const neighbours = JSON.stringify([
    { dst: '192.168.1.2', dev: 'eth0', lladdr: '52:54:00:00:00:02', state: ['REACHABLE'] },
    { dst: '192.168.1.3', dev: 'eth0', state: ['FAILED'] },
    { dst: '192.168.1.4', dev: 'eth0', state: [] },
  ]);
  const routes = JSON.stringify([{ dst: '10.32.2.0/25', gateway: '192.168.1.2', dev: 'eth0', metric: 1084, flags: [] }]);
  const defaults = JSON.stringify([
    { dst: 'default', gateway: '192.168.1.254', dev: 'eth0' },
    { dst: 'default', dev: 'ppp0' },
  ]);
  expect(parseLook(addresses, neighbours, routes, defaults)).toEqual({
    addresses: [
      { device: 'lo', address: '127.0.0.1', prefix: 8 },
      { device: 'eth0', address: '192.168.1.1', prefix: 24 },
    ],
    neighbours: [
      { address: '192.168.1.2', device: 'eth0', mac: MAC, state: 'answers' },
      { address: '192.168.1.3', device: 'eth0', mac: '', state: 'silent' },
    ],
    routes: [ROUTE_B],
    gateways: [GATEWAY],
  });
  expect(parseLook('', '', '', '')).toEqual({ addresses: [], neighbours: [], routes: [], gateways: [] });
});
