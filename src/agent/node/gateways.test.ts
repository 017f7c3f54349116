import { expect, test } from 'vitest';
import { withGateways } from './gateways.ts';

const ARP = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         AA:00:00:00:00:01     *        eth0
192.168.1.1      0x1         0x2         aa:00:00:00:00:09     *        eth1
192.168.1.254    0x1         0x0         00:00:00:00:00:00     *        eth0`;

function checkGateways(routes: readonly (readonly [string, string])[], expected: readonly string[]): void {
  const lan = [{ address: '192.168.1.5', prefix: 24, mac: '52:54:00:00:00:05', gateways: [] }];
  const found = withGateways(
    lan,
    routes.map(([device, gateway]) => ({ device, gateway })),
    ARP,
  );
  expect(found.map(({ gateways }) => gateways)).toEqual([expected]);
}

test('the gateway of a LAN is who has answered where the default route leads', () => {
  checkGateways([['eth0', '0101A8C0']], ['aa:00:00:00:00:01']);
  checkGateways([['eth0', 'FE01A8C0']], []);
  checkGateways([['eth0', '0100000A']], []);
  checkGateways([['ppp0', '00000000']], []);
  checkGateways([], []);
});
