import { expect, test } from 'vitest';
import { formatLan, parseLan, rememberGateways } from './node-lan.ts';

const MINE = '192.168.1.5/24=52:54:00:00:00:05';
const [ONE, TWO, THREE] = ['aa:00:00:00:00:01', 'aa:00:00:00:00:02', 'aa:00:00:00:00:03'];

/** What is told after this, by one who hears that. */
const told = (before: string, now: string) => formatLan(rememberGateways(parseLan(now), parseLan(before)));

test('a LAN is told with its gateway, and with the one before it', () => {
  expect(parseLan(`${MINE}=${ONE}+${TWO}`)).toEqual([
    { address: '192.168.1.5', prefix: 24, mac: '52:54:00:00:00:05', gateways: [ONE, TWO] },
  ]);
  expect(formatLan(parseLan(`${MINE}=${ONE}+00:00:00:00:00:00+x,10.1.2.3/16=52:54:00:00:00:06`))).toBe(
    `10.1.2.3/16=52:54:00:00:00:06,${MINE}=${ONE}`,
  );
  expect(told('', MINE)).toBe(MINE);
  expect(told(MINE, `${MINE}=${ONE}`)).toBe(`${MINE}=${ONE}`);
  // Not heard at the moment.
  expect(told(`${MINE}=${ONE}`, MINE)).toBe(`${MINE}=${ONE}`);
  expect(told(`${MINE}=${ONE}`, `${MINE}=${TWO}`)).toBe(`${MINE}=${TWO}+${ONE}`);
  expect(told(`${MINE}=${TWO}+${ONE}`, `${MINE}=${THREE}`)).toBe(`${MINE}=${THREE}+${TWO}`);
  // Another address in the same LAN, and another LAN.
  expect(told(`${MINE}=${ONE}`, '192.168.1.6/24=52:54:00:00:00:05')).toBe(`192.168.1.6/24=52:54:00:00:00:05=${ONE}`);
  expect(told(`${MINE}=${ONE}`, '192.168.2.6/24=52:54:00:00:00:05')).toBe('192.168.2.6/24=52:54:00:00:00:05');
});
